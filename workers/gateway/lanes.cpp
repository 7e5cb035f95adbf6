#include "workers/gateway/lanes.h"

#include <algorithm>

#include "shared/db/connection.h"

namespace tenantry::gateway {

BoundedPool::BoundedPool(std::size_t threads, std::size_t queue_max) : queue_max_(queue_max) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this, i] { work(i); });
}

BoundedPool::~BoundedPool() {
  stop();
}

bool BoundedPool::submit(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= queue_max_) return false;
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
  return true;
}

void BoundedPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void BoundedPool::work(std::size_t thread) {
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task(thread);
  }
}

namespace {

std::vector<std::unique_ptr<db::Connection>> connect(const std::string& url) {
  std::vector<std::unique_ptr<db::Connection>> connections;
  for (std::size_t i = 0; i < Lanes::threads; ++i) {
    connections.push_back(std::make_unique<db::Connection>(url, "tenantry-gateway"));
  }
  return connections;
}

}  // namespace

Lanes::Lanes(const std::string& database_url) : connections_(connect(database_url)), pool_(threads, queue_max) {}
Lanes::~Lanes() = default;

bool Lanes::submit(std::function<void(db::Connection&)> task) {
  return pool_.submit([this, task = std::move(task)](std::size_t thread) { task(*connections_[thread]); });
}

PasswordPool::PasswordPool() : pool_(2 * std::max(1U, std::thread::hardware_concurrency()), queue_max) {}

bool PasswordPool::submit(std::function<void()> task) {
  return pool_.submit([task = std::move(task)](std::size_t) { task(); });
}

}  // namespace tenantry::gateway
