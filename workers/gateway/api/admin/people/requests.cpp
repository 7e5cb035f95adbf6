#include "workers/gateway/api/admin/people/requests.h"

#include <nlohmann/json.hpp>

#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {

Result<std::string> parse_admin_factor_reset(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  auto reason = fields.line("reason", true, note_max);
  return fields.finish(std::move(reason));
}

Result<AdminRequest> parse_admin(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  AdminRequest request;
  request.email = fields.email("email", true);
  if (!fields.raw("role", true, 64).empty()) {
    request.role = fields.choice("role", {"super-admin", "support", "analyst"});
  }
  request.first_name = fields.has("first_name") ? fields.name("first_name", person_name_max) : "";
  request.last_name = fields.has("last_name") ? fields.name("last_name", person_name_max) : "";
  request.locale = fields.choice("locale", {"fr", "en"});
  return fields.finish(std::move(request));
}

}  // namespace tenantry::gateway
