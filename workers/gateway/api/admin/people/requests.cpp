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

}  // namespace tenantry::gateway
