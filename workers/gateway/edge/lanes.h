// Lanes and the password pool: where the loop's blocking work goes (docs/limits.md).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "workers/gateway/edge/bounded_pool.h"

namespace tenantry::db {
class Connection;
}

namespace tenantry::gateway {

// One connection as tenantry_gateway per thread.
class Lanes {
 public:
  // Statements take a millisecond: some thousand requests a second, and a tenth of a second of work in the queue; more
  // would only wait longer.
  static constexpr PoolLimits requests{
      .threads = 8, .threads_kept = 1, .running_of_one = 4, .queue = 512, .queue_of_one = 128};
  // Searches, exports and tails of the audit log take up to a second. A tenant has one at a time.
  static constexpr PoolLimits searches{
      .threads = 4, .threads_kept = 1, .running_of_one = 1, .queue = 256, .queue_of_one = 16};

  Lanes(const std::string& database_url, const PoolLimits& limits);
  ~Lanes();

  BoundedPool::Answer submit(const std::string& holder, std::function<void(db::Connection&)> task);
  void stop() { pool_.stop(); }

 private:
  std::vector<std::unique_ptr<db::Connection>> connections_;
  BoundedPool pool_;  // last: its threads use the connections
};

// Argon2id: 19 MiB and 20 ms each, so as many at once as there are cores.
class PasswordPool {
 public:
  PasswordPool();
  BoundedPool::Answer submit(const std::string& holder, std::function<void()> task);
  void stop() { pool_.stop(); }

 private:
  BoundedPool pool_;
};

}  // namespace tenantry::gateway
