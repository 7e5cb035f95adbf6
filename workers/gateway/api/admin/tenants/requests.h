// What super-admins want done with a tenant. Pure.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::gateway {

struct AdminAction {
  std::string reason;
  std::string note;
};
// The reason is one word such as "abuse"; `fallback` where it may be left out.
Result<AdminAction> parse_admin_action(std::string_view body, std::string_view fallback);

struct PlanAction {
  std::string plan;
  std::string reason;
  bool at_once = false;  // also where it costs less
};
Result<PlanAction> parse_plan_action(std::string_view body);

// A hold to place, or to release: then without an end.
struct HoldRequest {
  std::string hold;  // no_suspend, no_billing or legal
  std::string reason;
  Timestamp ends_at{};
};
Result<HoldRequest> parse_hold(std::string_view body, Timestamp now);  // the end must lie ahead
Result<HoldRequest> parse_hold_release(std::string_view body);

}  // namespace tenantry::gateway
