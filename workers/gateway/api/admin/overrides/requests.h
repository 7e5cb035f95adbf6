// What super-admins give a tenant beyond its plan. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::gateway {

// An override to set, or to remove: then without a value.
struct OverrideRequest {
  std::string name;  // the limit's
  std::int64_t value = 0;
  std::string reason;
  std::optional<Timestamp> ends_at{};
};
// `limits`: the names there are. An end must lie ahead.
Result<OverrideRequest> parse_override(std::string_view body, const std::set<std::string>& limits, Timestamp now);
Result<OverrideRequest> parse_override_removal(std::string_view body);  // also of a limit that no plan names any more

}  // namespace tenantry::gateway
