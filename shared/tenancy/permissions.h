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

// What only people do, whatever a key for machines was given: it deals with people, rights, keys and money.
bool is_for_people(std::string_view permission);

// Whether a key may hold it: a grant that names its resource, which is none for people.
bool fits_a_key(std::string_view grant);

std::string one_text(std::span<const std::string> grants);  // parted by spaces

// Whether the text is a grant. Errc::invalid, reason "permission", at `pointer`.
Result<void> check_grant(std::string_view text, std::string_view pointer);

}  // namespace tenantry::tenancy
