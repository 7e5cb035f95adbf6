// Slugs: a company's name becomes its tenant_id.
//
// Pure but for the random digits of a name of which nothing survives. Uniqueness is
// the database's business (reserve_slug in tenants.h); this page says which slugs
// are possible and which come next.
#pragma once

#include <string>
#include <string_view>

#include "shared/core/ids.h"

namespace tenantry::tenancy {

constexpr std::size_t slug_length_max = 40;  // including the suffix

// Lower case, accents stripped, [a-z0-9-] only, no hyphen at either end or twice
// in a row, never "xn--..."; "" when nothing survives. At most 40 characters.
std::string slug_of(std::string_view company_name);

// Words that would collide with the platform: they get a suffix even when free.
bool is_reserved_slug(std::string_view slug);

// "tenant-" and 8 hex digits, for a name of which nothing survives.
std::string random_slug(IdGenerator& ids);

// The `n`th candidate of a base: the base itself for 1, then "<base>-2", "<base>-3", ...
// with the base cut so that the whole has at most 40 characters.
std::string slug_candidate(std::string_view base, int n);

// [a-z0-9-], 1 to 40 characters, no hyphen at the ends.
bool is_slug(std::string_view text);

}  // namespace tenantry::tenancy
