// Limits: what binds a tenant, by the names that the catalogue of plans gives them.
//
// Data to the end: a plan names as many as it likes, a metric says which one limits it, and
// an override of the tenant counts before its plan's as long as it lasts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

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

}  // namespace tenantry::tenancy
