#include "shared/tenancy/limits.h"

#include "shared/db/connection.h"

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

}  // namespace tenantry::tenancy
