// StreamCounts: how many long answers are under way, so that they stay few: each holds a
// page in memory and takes its turns on the lanes.
//
// Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace tenantry::gateway {

class StreamCounts {
 public:
  // Gives the place back when it is destroyed; may outlive the counts.
  using Place = std::shared_ptr<void>;

  // Null: `owner` has `of_owner_max` of them, or everybody together has `total_max`.
  Place take(const std::string& owner, int of_owner_max, int total_max) {
    const auto state = state_;
    const std::lock_guard lock(state->mutex);
    const auto mine = state->of_owner.find(owner);
    if (state->total >= total_max || (mine != state->of_owner.end() && mine->second >= of_owner_max)) return {};
    ++state->of_owner[owner];
    ++state->total;
    return {state.get(), [state, owner](void*) {
              const std::lock_guard again(state->mutex);
              --state->total;
              if (--state->of_owner[owner] == 0) state->of_owner.erase(owner);
            }};
  }

 private:
  struct State {
    std::mutex mutex;
    std::map<std::string, int> of_owner;
    int total = 0;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace tenantry::gateway
