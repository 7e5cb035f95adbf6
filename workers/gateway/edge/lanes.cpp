#include "workers/gateway/edge/lanes.h"

#include <algorithm>

#include "shared/db/connection.h"

namespace tenantry::gateway {

namespace {

std::vector<std::unique_ptr<db::Connection>> connect(const std::string& url, std::size_t count) {
  std::vector<std::unique_ptr<db::Connection>> connections;
  for (std::size_t i = 0; i < count; ++i) {
    connections.push_back(std::make_unique<db::Connection>(url, "tenantry-gateway"));
  }
  return connections;
}

}  // namespace

Lanes::Lanes(const std::string& database_url, const PoolLimits& limits)
    : connections_(connect(database_url, limits.threads)), pool_(limits) {}
Lanes::~Lanes() = default;

BoundedPool::Answer Lanes::submit(const std::string& holder, std::function<void(db::Connection&)> task) {
  return pool_.submit(holder, [this, task = std::move(task)](std::size_t thread) { task(*connections_[thread]); });
}

namespace {

// A second or two of hashing on two cores. Hashing waits for nothing, so a thread more than a core only slows the
// others; nobody's address has more than half of them, and half of the cores with it.
PoolLimits password_limits() {
  const std::size_t threads = std::max(2U, std::thread::hardware_concurrency());
  return {.threads = threads, .running_of_one = threads / 2, .queue = 128, .queue_of_one = 64};
}

}  // namespace

PasswordPool::PasswordPool() : pool_(password_limits()) {}

BoundedPool::Answer PasswordPool::submit(const std::string& holder, std::function<void()> task) {
  return pool_.submit(holder, [task = std::move(task)](std::size_t) { task(); });
}

}  // namespace tenantry::gateway
