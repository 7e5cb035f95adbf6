#include "workers/gateway/api/roles/requests.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shared/tenancy/permissions.h"
#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {
namespace {

constexpr std::size_t description_max = 200;

bool is_role_name(std::string_view text) {
  const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  return !text.empty() && lower(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return lower(c) || (c >= '0' && c <= '9') || c == '_' || c == '-'; });
}

std::vector<std::string> read_permissions(Fields& fields, const Grants& known) {
  return fields.texts("permissions", permissions_max, [&](std::string_view text) -> std::optional<Fields::Broken> {
    if (!tenancy::check_grant(text, "")) {
      return Fields::Broken{"permission", "must be resource:action, resource:* or *, with :own for one's own alone"};
    }
    return check_reach(text, known);
  });
}

}  // namespace

Result<RoleRequest> parse_new_role(std::string_view body, const Grants& known) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  RoleRequest request;
  request.name = fields.line("role", true, role_name_max);
  if (!request.name.empty() && !is_role_name(request.name)) {
    fields.fail("role", "role_name", "must be of small letters, digits, _ and -, and begin with a letter");
  }
  request.description = fields.line("description", false, description_max);
  request.permissions = read_permissions(fields, known);
  return fields.finish(std::move(request));
}

Result<RolePatch> parse_role_patch(std::string_view body, const Grants& known) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  RolePatch patch;
  if (fields.has("description")) patch.description = fields.line("description", false, description_max);
  if (fields.has("permissions")) patch.permissions = read_permissions(fields, known);
  return fields.finish(std::move(patch));
}

}  // namespace tenantry::gateway
