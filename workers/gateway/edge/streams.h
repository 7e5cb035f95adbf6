// StreamCounts: how many long answers are under way, so that they stay few: each holds a
// page in memory and takes its turns on the lanes.
//
// Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "shared/core/budget.h"

namespace tenantry::gateway {

class StreamCounts {
 public:
  // Gives the place back when it is destroyed; may outlive the counts.
  using Place = std::shared_ptr<void>;

  explicit StreamCounts(BudgetLimits limits) : state_(std::make_shared<State>(limits)) {}

  // Null: `owner` ("": the platform) has its share, or everybody together has all.
  Place take(const std::string& owner) {
    const auto state = state_;
    const std::lock_guard lock(state->mutex);
    if (state->budget.take(owner) != Budget::Answer::taken) return {};
    return {state.get(), [state, owner](void*) {
              const std::lock_guard again(state->mutex);
              state->budget.give_back(owner);
            }};
  }

 private:
  struct State {
    explicit State(BudgetLimits limits) : budget(limits) {}
    std::mutex mutex;
    Budget budget;
  };
  std::shared_ptr<State> state_;
};

}  // namespace tenantry::gateway
