#include "shared/tenancy/limits.h"

#include "shared/db/connection.h"
#include "shared/tenancy/tenants.h"

namespace tenantry::tenancy {

Limits load_limits(db::Transaction& tx, std::string_view tenant_id, Timestamp at) {
  Limits limits;
  for (const auto row : tx.exec(
           "SELECT l.name, l.value FROM platform.tenants t CROSS JOIN LATERAL platform.limits_of(t.tenant_id, t.plan, "
           "t.plan_version, $2) AS l WHERE t.tenant_id = $1",
           {tenant_id, at})) {
    limits.emplace(row.text(0), row.int64(1));
  }
  return limits;
}

std::optional<Count> count_of(db::Transaction& tx, std::string_view tenant_id, std::string_view metric, Timestamp at) {
  tx.set_tenant(tenant_id);
  const auto rows = tx.exec("SELECT used, taken FROM platform.count_of($1, $2, $3)", {tenant_id, metric, at});
  if (rows.empty()) return std::nullopt;
  return Count{rows[0].int64(0), rows[0].int64(1)};
}

Result<void> reserve(db::Transaction& tx, std::string_view tenant_id, std::string_view metric, Timestamp at) {
  if (!lock_tenant(tx, tenant_id)) {
    return Error{.code = Errc::not_found, .reason = "tenant_not_found", .message = "no such tenant"};
  }
  tx.set_tenant(tenant_id);
  // Where nothing limits it, nothing is counted.
  const auto limit = tx.exec(
      "SELECT l.value, (SELECT c.taken FROM platform.count_of($1, $2, $3) c) FROM platform.tenants t "
      "JOIN metering.metrics m ON m.metric = $2 "
      "JOIN LATERAL platform.limits_of(t.tenant_id, t.plan, t.plan_version, $3) l ON l.name = m.limit_name "
      "WHERE t.tenant_id = $1 AND l.value >= 0",
      {tenant_id, metric, at});
  if (limit.empty() || limit[0].int64(1) < limit[0].int64(0)) return {};
  const auto at_most = "at most " + std::to_string(limit[0].int64(0)) + " " + std::string(metric);
  return Error{.code = Errc::conflict,
               .reason = "limit_reached",
               .message = "the plan allows " + at_most,
               .fields = {{"", std::string(metric), at_most}}};
}

}  // namespace tenantry::tenancy
