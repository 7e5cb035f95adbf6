#include "workers/gateway/edge/bounded_pool.h"

namespace tenantry::gateway {

BoundedPool::BoundedPool(PoolLimits limits)
    : limits_(limits), queued_({limits.queue, limits.queue_of_one, limits.queue / 8, limits.queue / 8}) {
  for (std::size_t i = 0; i < limits_.threads; ++i) threads_.emplace_back([this, i] { work(i); });
}

BoundedPool::~BoundedPool() {
  stop();
}

BoundedPool::Answer BoundedPool::submit(const std::string& holder, Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Answer::all_full;
    if (const auto answer = queued_.take(holder); answer != Answer::taken) return answer;
    auto& of_holder = holders_[holder];
    if (of_holder.tasks.empty()) {
      if (holder.empty()) {
        turns_.push_front(holder);
      } else {
        turns_.push_back(holder);
      }
    }
    of_holder.tasks.push_back(std::move(task));
  }
  wake_.notify_one();
  return Answer::taken;
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

bool BoundedPool::may_run(const std::string& name, const Holder& holder) const {
  if (name.empty()) return true;
  return holder.running < limits_.running_of_one && strangers_running_ < limits_.threads - limits_.threads_kept;
}

// The first in turn who may run something; then the next turn is another's.
bool BoundedPool::take_next(std::string& name, Task& task) {
  for (auto turn = turns_.begin(); turn != turns_.end(); ++turn) {
    auto& holder = holders_[*turn];
    if (!may_run(*turn, holder)) continue;
    name = *turn;
    task = std::move(holder.tasks.front());
    holder.tasks.pop_front();
    ++holder.running;
    if (!name.empty()) ++strangers_running_;
    queued_.give_back(name);
    turns_.erase(turn);
    if (!holder.tasks.empty()) {
      if (name.empty()) {
        turns_.push_front(name);
      } else {
        turns_.push_back(name);
      }
    }
    return true;
  }
  return false;
}

void BoundedPool::has_run(const std::string& name) {
  if (!name.empty()) --strangers_running_;
  const auto at = holders_.find(name);
  if (--at->second.running == 0 && at->second.tasks.empty()) holders_.erase(at);
}

void BoundedPool::work(std::size_t thread) {
  std::unique_lock lock(mutex_);
  for (;;) {
    std::string name;
    Task task;
    wake_.wait(lock, [&] { return take_next(name, task) || (stopping_ && turns_.empty()); });
    if (!task) return;
    lock.unlock();
    task(thread);
    task = nullptr;
    lock.lock();
    has_run(name);
    // What this task kept from running, of its holder or of anybody; and who waits for the last one to be over.
    if (!turns_.empty() || stopping_) wake_.notify_all();
  }
}

}  // namespace tenantry::gateway
