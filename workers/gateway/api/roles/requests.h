// Roles of a tenant's own as they are asked for. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "workers/gateway/edge/grants.h"

namespace tenantry::gateway {

struct RoleRequest {
  std::string name;
  std::string description;
  std::vector<std::string> permissions;
};
Result<RoleRequest> parse_new_role(std::string_view body, const Grants& known);

// A merge patch (RFC 7396): what is absent stays.
struct RolePatch {
  std::optional<std::string> description{};
  std::optional<std::vector<std::string>> permissions{};
};
Result<RolePatch> parse_role_patch(std::string_view body, const Grants& known);

}  // namespace tenantry::gateway
