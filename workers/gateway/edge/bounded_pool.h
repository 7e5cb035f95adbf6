// BoundedPool: a fixed number of threads behind a queue with a bound.
//
// A full queue refuses at once, so that a flood costs an answer and not memory. Work is
// somebody's: a holder (a tenant, a stranger's address) has its share of queue and
// threads, holders take turns, and the platform's own ("": Stripe's webhook, super-admins,
// what no request asked for) goes first and finds a thread that nobody else may have.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "shared/core/budget.h"

namespace tenantry::gateway {

struct PoolLimits {
  std::size_t threads = 1;
  std::size_t threads_kept = 0;    // of the threads, for the platform's own
  std::size_t running_of_one = 1;  // tasks of one holder at once
  std::size_t queue = 1;           // an eighth of it for holders that have nothing in it, another for the platform
  std::size_t queue_of_one = 1;
};

class BoundedPool {
 public:
  using Task = std::function<void(std::size_t thread)>;
  using Answer = Budget::Answer;

  explicit BoundedPool(PoolLimits limits);
  ~BoundedPool();  // runs what is queued, then joins
  BoundedPool(const BoundedPool&) = delete;
  BoundedPool& operator=(const BoundedPool&) = delete;

  // Thread-safe. Not taken where the queue is full, or the pool is stopping. Tasks must not throw.
  Answer submit(const std::string& holder, Task task);
  void stop();  // idempotent; runs what is queued, then joins

 private:
  struct Holder {
    std::deque<Task> tasks{};
    std::size_t running = 0;
  };

  void work(std::size_t thread);
  bool may_run(const std::string& name, const Holder& holder) const;
  bool take_next(std::string& name, Task& task);
  void has_run(const std::string& name);

  const PoolLimits limits_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Budget queued_;
  std::map<std::string, Holder> holders_;  // with something queued or running
  std::deque<std::string> turns_;          // of holders with something queued, each once
  std::size_t strangers_running_ = 0;      // tasks that are not the platform's
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tenantry::gateway
