#include "workers/gateway/api/console/requests.h"

#include <nlohmann/json.hpp>

#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {

Result<AdminLogin> parse_admin_login(std::string_view body) {
  constexpr std::size_t token_size_max = 512;
  constexpr std::size_t name_size_max = 60;
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  AdminLogin login;
  login.token = fields.raw("token", true, token_size_max);
  login.name = fields.name("name", name_size_max);
  if (login.name.find('/') != login.name.npos) fields.fail("name", "characters", "must hold no /");
  return fields.finish(std::move(login));
}

}  // namespace tenantry::gateway
