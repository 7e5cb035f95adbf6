// Lanes and the password pool: where the loop's blocking work goes.
//
// Both are a fixed number of threads behind a queue with a bound. A full queue
// refuses at once, so that a flood costs an answer of 503 and not memory.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tenantry::db {
class Connection;
}

namespace tenantry::gateway {

class BoundedPool {
 public:
  using Task = std::function<void(std::size_t thread)>;

  BoundedPool(std::size_t threads, std::size_t queue_max);
  ~BoundedPool();  // runs what is queued, then joins
  BoundedPool(const BoundedPool&) = delete;
  BoundedPool& operator=(const BoundedPool&) = delete;

  // Thread-safe. False: the queue is full, or the pool is stopping. Tasks must not throw.
  bool submit(Task task);
  void stop();  // idempotent; runs what is queued, then joins

 private:
  void work(std::size_t thread);

  const std::size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// One connection as tenantry_gateway per thread.
class Lanes {
 public:
  static constexpr std::size_t threads = 8;      // statements take a millisecond: some thousand requests a second
  static constexpr std::size_t queue_max = 512;  // a tenth of a second of work; more would only wait longer

  explicit Lanes(const std::string& database_url);
  ~Lanes();

  bool submit(std::function<void(db::Connection&)> task);
  void stop() { pool_.stop(); }

 private:
  std::vector<std::unique_ptr<db::Connection>> connections_;
  BoundedPool pool_;  // last: its threads use the connections
};

// Argon2id: 19 MiB and 20 ms each, so at most 2 x cores at once (security.md L3).
class PasswordPool {
 public:
  static constexpr std::size_t queue_max = 128;  // a second or two of hashing on two cores

  PasswordPool();
  bool submit(std::function<void()> task);
  void stop() { pool_.stop(); }

 private:
  BoundedPool pool_;
};

}  // namespace tenantry::gateway
