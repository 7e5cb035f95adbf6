// Limits: what binds a tenant, by the names that the catalogue of plans gives them.
//
// Data to the end: a plan names as many as it likes, a metric says which one limits it, and
// an override of the tenant counts before its plan's as long as it lasts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::tenancy {

constexpr std::int64_t unlimited = -1;  // as in every interface

using Limits = std::map<std::string, std::int64_t, std::less<>>;

// What is not named does not bind.
inline std::int64_t limit_of(const Limits& limits, std::string_view name) {
  const auto at = limits.find(name);
  return at == limits.end() ? unlimited : at->second;
}

// Of the plan that the tenant has; empty where there is no such tenant.
Limits load_limits(db::Transaction& tx, std::string_view tenant_id, Timestamp at);

// Of a metric that is counted where it is, at the moment, or was measured within the hour (platform.count_of). The
// transaction's tenant is the one.
struct Count {
  std::int64_t used = 0;   // what is there
  std::int64_t taken = 0;  // and what was promised: the limit binds both
};
// nullopt: of this metric events tell.
std::optional<Count> count_of(db::Transaction& tx, std::string_view tenant_id, std::string_view metric, Timestamp at);

// Room for one more of such a metric. The tenant's row is locked from here to the transaction's end, so whoever asks
// next counts what was made, and no plan comes that it does not fit. Errors: not_found "tenant_not_found"; conflict
// "limit_reached", which names the metric.
Result<void> reserve(db::Transaction& tx, std::string_view tenant_id, std::string_view metric, Timestamp at);

}  // namespace tenantry::tenancy
