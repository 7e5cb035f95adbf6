// Dunning: what unpaid days do to a tenant. It is reminded on set days, then
// suspended, unless a hold forbids it.
//
// Pure: no clock, database or broker. The worker loads the account, calls in here
// and commits the effects, all in one transaction.
#pragma once

#include <optional>
#include <vector>

#include "workers/billing/subscription.h"

namespace tenantry::billing {

struct DunningPolicy {
  std::vector<Days> remind_on = {Days{0}, Days{3}, Days{7}};  // ascending, before suspend_on
  Days suspend_on{14};
};

struct DunningTimer {
  Days day;
  Timestamp at;
  bool operator==(const DunningTimer&) const = default;
};

struct DunningEffects {
  std::optional<Days> remind{};  // this day's reminder
  bool suspend = false;
  std::optional<DunningTimer> next{};
  bool operator==(const DunningEffects&) const = default;
};

DunningTimer first_dunning_timer(Timestamp past_due_since, const DunningPolicy& policy);

// The timer names the lapse it was set for; once that lapse is over (paid, or paid
// and lapsed again) it has no effects, so a late or repeated timer is harmless.
DunningEffects on_dunning_due(const Account& account, Timestamp lapse, Days day, const DunningPolicy& policy,
                              std::optional<Timestamp> held_until);

}  // namespace tenantry::billing
