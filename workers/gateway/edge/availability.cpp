#include "workers/gateway/edge/availability.h"

#include "events/topology.h"

namespace tenantry::gateway {

void Availability::add(const Served& served) {
  auto key = std::pair(served.tenant_id, served.hour);
  if (cells_.size() >= cells_max && !cells_.contains(key)) key.first = events::platform_tenant;
  auto& cell = cells_.try_emplace(key, Served{.tenant_id = key.first, .hour = key.second}).first->second;
  cell.requests += served.requests;
  cell.failed += served.failed;
  cell.slow += served.slow;
}

void Availability::note(const std::string& tenant_id, Timestamp at, int status, Microseconds took) {
  const Served one{.tenant_id = tenant_id.empty() ? std::string(events::platform_tenant) : tenant_id,
                   .hour = floor_hour(at),
                   .requests = 1,
                   .failed = status >= 500 ? 1 : 0,
                   .slow = took > slow_after ? 1 : 0};
  const std::lock_guard lock(mutex_);
  add(one);
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
