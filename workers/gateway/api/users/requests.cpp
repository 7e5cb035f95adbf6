#include "workers/gateway/api/users/requests.h"

#include <nlohmann/json.hpp>

#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {
namespace {}  // namespace

Result<InvitationRequest> parse_invitation(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  InvitationRequest request;
  request.email = fields.email("email", true);
  request.role = fields.line("role", true, role_name_max);
  request.locale = fields.choice("locale", {"fr", "en"});
  return fields.finish(std::move(request));
}

Result<std::string> parse_role(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  auto role = fields.line("role", true, role_name_max);
  return fields.finish(std::move(role));
}

Result<bool> parse_transfer(std::string_view body) {
  if (body.empty()) return false;
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  const bool leaves = fields.flag("leave");
  return fields.finish(leaves);
}

Result<std::string> parse_factor_reset(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  auto reason = fields.line("reason", true, note_max);
  return fields.finish(std::move(reason));
}

}  // namespace tenantry::gateway
