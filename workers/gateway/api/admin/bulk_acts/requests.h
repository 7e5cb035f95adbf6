// What a super-admin is about to do with several tenants. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "shared/tenancy/lifecycle.h"

namespace tenantry::gateway {

constexpr std::size_t bulk_tenants_max = 100;

struct BulkAct {
  tenancy::Trigger trigger = tenancy::Trigger::suspend;  // or reactivate
  std::vector<std::string> tenant_ids;                   // ascending, each once
};
Result<BulkAct> parse_bulk_act(std::string_view body);

// What an act would do with a tenant, by the table that will decide it.
struct Foreseen {
  std::optional<tenancy::Status> becomes{};
  std::string_view why_not{};  // suspended_already, not_live, not_suspended; "": it would be done
};
Foreseen foresee(const tenancy::LifecycleState& state, tenancy::Trigger trigger, Timestamp now);

}  // namespace tenantry::gateway
