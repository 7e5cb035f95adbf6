#include "workers/gateway/edge/usage_counts.h"

#include <algorithm>

#include "shared/db/connection.h"
#include "shared/tenancy/limits.h"

namespace tenantry::gateway {
namespace {

Used used_of(db::Transaction& tx, std::string_view tenant_id, const Metric& metric, Timestamp now) {
  if (const auto count = tenancy::count_of(tx, tenant_id, metric.name, now)) {
    return {static_cast<double>(count->used), static_cast<double>(count->taken)};
  }
  tx.set_tenant(tenant_id);
  const bool monthly = metric.reset == "monthly";
  const auto rows = tx.exec(
      "SELECT quantity FROM metering.counters WHERE tenant_id = $1 AND metric = $2 AND span = $3 "
      "AND ($4::timestamptz IS NULL OR window_start = $4) ORDER BY window_start DESC LIMIT 1",
      {tenant_id, metric.name, monthly ? "month" : "total",
       monthly ? db::Param(floor_month(now)) : db::Param(nullptr)});
  const double counted = rows.empty() ? 0 : rows[0].real(0);
  return {counted, counted};
}

}  // namespace

std::vector<Metric> list_metrics(db::Transaction& tx) {
  std::vector<Metric> metrics;
  for (const auto row : tx.exec("SELECT metric, unit, reset, limit_name, hard FROM metering.metrics ORDER BY metric")) {
    metrics.push_back({std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)),
                       std::string(row.text(3)), row.boolean(4)});
  }
  return metrics;
}

Used used_now(db::Transaction& tx, std::string_view tenant_id, const Metric& metric, Timestamp now, double calls) {
  const auto counted = used_of(tx, tenant_id, metric, now);
  if (metric.name != calls_metric) return counted;
  const double known = std::max(counted.quantity, calls);
  return {known, known};
}

double calls_known(const Services& services, const std::string& tenant_id) {
  return services.meter.used(tenant_id, 0, floor_month(services.clock.now()));
}

}  // namespace tenantry::gateway
