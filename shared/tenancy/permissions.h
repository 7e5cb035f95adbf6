// Permissions: what a role holds, and what a request needs.
//
// Pure. A request needs one concrete right, "clients:update"; a role holds grants of the
// form `resource:action`, where either may be `*` (`*` alone is everything), each with
// `:own` at its end where it reaches no further than what the member made.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry::tenancy {

// How far grants let somebody reach. `own` says nothing of a thing that has no owner: it is not reached.
enum class Reach { none, own, all };

Reach reach_of(std::span<const std::string> granted, std::string_view needed);

// Whether whoever holds `held` may do all that `wanted` allows.
bool covers(std::span<const std::string> held, std::span<const std::string> wanted);

// Whether the text is a grant. Errc::invalid, reason "permission", at `pointer`.
Result<void> check_grant(std::string_view text, std::string_view pointer);

}  // namespace tenantry::tenancy
