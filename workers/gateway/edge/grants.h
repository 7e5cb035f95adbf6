// Grants as roles and keys are given them: whether one that is a grant by its grammar reaches anything. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {

// Whether a grant is about anything there is.
using Grants = std::function<bool(std::string_view)>;

// "no_owner": what it is about has no owner, so :own reaches none of it; "unknown_permission".
std::optional<Fields::Broken> check_reach(std::string_view grant, const Grants& known);

}  // namespace tenantry::gateway
