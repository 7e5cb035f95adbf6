#include "workers/gateway/api/admin/members/requests.h"

#include <nlohmann/json.hpp>

#include "shared/core/ids.h"
#include "shared/tenancy/membership.h"
#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {
namespace {

std::string reason_in(Fields& fields) {
  return fields.line("reason", true, note_max);
}

std::string role_in(Fields& fields) {
  auto role = fields.line("role", true, role_name_max);
  if (role == tenancy::owner_role) {
    fields.fail("role", "owner", "an owner is appointed, so that the company's owners hear of it");
  }
  return role;
}

std::string id_in(Fields& fields, const char* name) {
  const auto text = fields.line(name, false, 64);
  const auto id = Uuid::parse(text);
  if (!text.empty() && !id) fields.fail(name, "uuid", "must be an id");
  return id ? id->to_string() : "";
}

}  // namespace

Result<ReasonRequest> parse_member_act(std::string_view body) {
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  ReasonRequest request{reason_in(fields)};
  return fields.finish(std::move(request));
}

Result<MemberRequest> parse_admin_invitation(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  MemberRequest request;
  request.email = fields.email("email", true);
  request.role = role_in(fields);
  request.locale = fields.choice("locale", {"fr", "en"});
  request.reason = reason_in(fields);
  return fields.finish(std::move(request));
}

Result<MemberRequest> parse_admin_role(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  MemberRequest request;
  request.role = role_in(fields);
  request.reason = reason_in(fields);
  return fields.finish(std::move(request));
}

Result<MemberRequest> parse_appointment(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  MemberRequest request;
  request.email = fields.email("email", true);
  request.locale = fields.choice("locale", {"fr", "en"});
  request.reason = reason_in(fields);
  return fields.finish(std::move(request));
}

Result<SessionsRequest> parse_sessions_end(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  SessionsRequest request;
  request.user_id = id_in(fields, "user_id");
  request.session_id = id_in(fields, "session_id");
  request.reason = reason_in(fields);
  if (fields.has("user_id") == fields.has("session_id")) {
    fields.fail("user_id", "either", "name a person or a session, and not both");
  }
  return fields.finish(std::move(request));
}

}  // namespace tenantry::gateway
