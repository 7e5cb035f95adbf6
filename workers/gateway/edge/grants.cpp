#include "workers/gateway/edge/grants.h"

namespace tenantry::gateway {

std::optional<Fields::Broken> check_reach(std::string_view grant, const Grants& known) {
  constexpr std::string_view own = ":own";
  if (known(grant)) return std::nullopt;
  if (grant.ends_with(own) && known(grant.substr(0, grant.size() - own.size()))) {
    return Fields::Broken{"no_owner", "reaches nothing: what it is about has no owner, so leave :own away"};
  }
  return Fields::Broken{"unknown_permission", "grants nothing: see /v1/permissions"};
}

}  // namespace tenantry::gateway
