#include "workers/billing/dunning.h"

#include <algorithm>

namespace tenantry::billing {

DunningTimer first_dunning_timer(Timestamp past_due_since, const DunningPolicy& policy) {
  const Days day = policy.remind_on.empty() ? policy.suspend_on : policy.remind_on.front();
  return {day, past_due_since + day};
}

DunningEffects on_dunning_due(const Account& account, Timestamp lapse, Days day, const DunningPolicy& policy,
                              std::optional<Timestamp> held_until) {
  if (account.past_due_since != lapse) return {};

  if (day >= policy.suspend_on) {
    if (held_until) return {.next = DunningTimer{day, *held_until}};
    return {.suspend = true};
  }

  // The policy may have changed since the timer was set: look ahead from its day, not its index.
  const auto next = std::ranges::upper_bound(policy.remind_on, day);
  const Days next_day = next == policy.remind_on.end() ? policy.suspend_on : *next;
  return {.remind = day, .next = DunningTimer{next_day, lapse + next_day}};
}

}  // namespace tenantry::billing
