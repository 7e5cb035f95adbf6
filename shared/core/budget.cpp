#include "shared/core/budget.h"

#include "shared/core/assert.h"

namespace tenantry {

Budget::Answer Budget::take(std::string_view holder, std::size_t amount) {
  const auto at = holders_.find(holder);
  const auto held = at == holders_.end() ? 0 : at->second;
  std::size_t free = limits_.total - taken_;
  if (!holder.empty()) {
    if (held + amount > limits_.of_one) return Answer::holder_full;
    const auto kept = limits_.kept_for_the_platform + (held > 0 ? limits_.kept_for_newcomers : 0);
    free = free > kept ? free - kept : 0;
  }
  if (amount > free) return Answer::all_full;
  taken_ += amount;
  if (at != holders_.end()) {
    at->second += amount;
  } else if (amount > 0) {
    holders_.emplace(holder, amount);
  }
  return Answer::taken;
}

void Budget::give_back(std::string_view holder, std::size_t amount) {
  if (amount == 0) return;
  const auto at = holders_.find(holder);
  TENANTRY_ASSERT(at != holders_.end() && at->second >= amount);
  taken_ -= amount;
  at->second -= amount;
  if (at->second == 0) holders_.erase(at);
}

std::size_t Budget::held_by(std::string_view holder) const {
  const auto at = holders_.find(holder);
  return at == holders_.end() ? 0 : at->second;
}

}  // namespace tenantry
