// What super-admins see of one tenant's usage; that one has looked is in the tenant's own log.
#include <map>
#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "shared/tenancy/limits.h"
#include "shared/tenancy/tenants.h"
#include "workers/gateway/edge/usage_counts.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

constexpr Days days_shown{31};

// By metric, the days that have something, oldest first. The transaction's tenant is the one.
std::map<std::string, json, std::less<>> days_used(db::Transaction& tx, std::string_view tenant_id, Timestamp now) {
  std::map<std::string, json, std::less<>> out;
  for (const auto row :
       tx.exec("SELECT metric, window_start, quantity FROM metering.counters WHERE tenant_id = $1 AND span = 'day' "
               "AND window_start > $2 ORDER BY metric, window_start",
               {tenant_id, now - days_shown})) {
    out[std::string(row.text(0))].push_back({{"day", to_rfc3339(row.timestamp(1))}, {"quantity", number(row.real(2))}});
  }
  return out;
}

void tenant_usage(Services& services, const CallPtr& call) {
  const auto& id = call->path.at("id");
  change(services, call,
         [&services, call, calls = calls_known(services, id)](db::Transaction& tx,
                                                              messaging::Outbox& outbox) -> Result<http::Response> {
           const auto& tenant_id = call->path.at("id");
           const auto now = services.clock.now();
           if (!tenancy::find_tenant(tx, tenant_id)) return no_tenant(*call);
           tell_read(outbox, tenant_id, "usage");
           tx.set_tenant(tenant_id);
           const auto limits = tenancy::load_limits(tx, tenant_id, now);
           auto days = days_used(tx, tenant_id, now);
           json metrics = json::array();
           for (const auto& metric : list_metrics(tx)) {
             auto& by_day = days[metric.name];
             metrics.push_back({{"metric", metric.name},
                                {"unit", metric.unit},
                                {"reset", metric.reset},
                                {"quantity", number(used_now(tx, tenant_id, metric, now, calls).quantity)},
                                {"limit", tenancy::limit_of(limits, metric.limit_name)},
                                {"by_day", by_day.is_null() ? json::array() : std::move(by_day)}});
           }
           return json_response(200, {{"at", to_rfc3339(now)},
                                      {"period_start", to_rfc3339(floor_month(now))},
                                      {"period_end", to_rfc3339(next_month(now))},
                                      {"metrics", std::move(metrics)}});
         });
}

}  // namespace

namespace api {
Routes admin_tenant_page() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/admin/tenants/{id}/usage", "adminTenantUsage", Guard::admin, tenant_usage},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
