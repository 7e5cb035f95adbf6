#include "workers/gateway/edge/availability.h"

#include "events/topology.h"

namespace tenantry::gateway {

Served& Availability::cell_of(std::string_view tenant_id, Timestamp hour) {
  if (const auto known = cells_.find(std::pair(tenant_id, hour)); known != cells_.end()) return known->second;
  if (cells_.size() >= cells_max) tenant_id = events::platform_tenant;
  const Served empty{.tenant_id = std::string(tenant_id), .hour = hour};
  return cells_.try_emplace(std::pair(empty.tenant_id, hour), empty).first->second;
}

void Availability::add(const Served& served) {
  auto& cell = cell_of(served.tenant_id, served.hour);
  cell.requests += served.requests;
  cell.failed += served.failed;
  cell.slow += served.slow;
}

void Availability::note(std::string_view tenant_id, Timestamp at, int status, Microseconds took) {
  const std::lock_guard lock(mutex_);
  auto& cell = cell_of(tenant_id.empty() ? events::platform_tenant : tenant_id, floor_hour(at));
  cell.requests += 1;
  cell.failed += status >= 500 ? 1 : 0;
  cell.slow += took > slow_after ? 1 : 0;
}

std::vector<Served> Availability::take() {
  std::vector<Served> out;
  const std::lock_guard lock(mutex_);
  for (auto& [key, cell] : cells_) out.push_back(std::move(cell));
  cells_.clear();
  return out;
}

void Availability::give_back(const std::vector<Served>& served) {
  const std::lock_guard lock(mutex_);
  for (const auto& each : served) add(each);
}

double budget_left(std::int64_t requests, std::int64_t failed) {
  if (requests == 0) return 1;
  return 1 - static_cast<double>(failed) / (static_cast<double>(requests) * (1 - availability_target));
}

Availability& availability() {
  static Availability instance;
  return instance;
}

}  // namespace tenantry::gateway
