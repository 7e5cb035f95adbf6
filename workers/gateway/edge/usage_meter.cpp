#include "workers/gateway/edge/usage_meter.h"

#include <algorithm>

namespace tenantry::gateway {

bool UsageMeter::admit(const std::string& tenant_id, std::int64_t limit, double counted, Timestamp month) {
  auto& tenant = tenants_[tenant_id];
  if (tenant.month != month) {
    tenant.month = month;
    tenant.used = 0;
  }
  tenant.used = std::max(tenant.used, counted);
  if (limit >= 0 && tenant.used + static_cast<double>(tenant.in_flight) >= static_cast<double>(limit)) return false;
  ++tenant.in_flight;
  return true;
}

void UsageMeter::settle(const std::string& tenant_id, bool counts) {
  auto& tenant = tenants_[tenant_id];
  --tenant.in_flight;
  if (!counts) return;
  tenant.used += 1;
  ++tenant.unsent;
}

double UsageMeter::used(const std::string& tenant_id, double counted, Timestamp month) const {
  const auto at = tenants_.find(tenant_id);
  if (at == tenants_.end() || at->second.month != month) return counted;
  return std::max(at->second.used, counted);
}

std::vector<UsageMeter::Batch> UsageMeter::take(IdGenerator& ids, Timestamp now) {
  std::vector<Batch> batches;
  for (auto& [tenant_id, tenant] : tenants_) {
    if (tenant.unsent == 0) continue;
    batches.push_back({tenant_id, tenant.unsent, "api_calls/" + ids.next().to_string(), now});
    tenant.unsent = 0;
  }
  return batches;
}

}  // namespace tenantry::gateway
