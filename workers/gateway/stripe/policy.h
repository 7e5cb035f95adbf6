// Stripe policy: which events may move a tenant of ours, whatever they say.
//
// Pure: no clock, database or broker.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shared/core/time.h"
#include "workers/gateway/stripe/event.h"

namespace tenantry::gateway {

constexpr Days stated_ahead_max{1};  // of our clock: no clock that is kept is as wrong

struct StripePolicy {
  std::vector<std::string> accounts{};  // connected accounts that are ours; whoever owns one writes its metadata
  std::optional<bool> live{};           // the mode that is listened to; empty: both
};

// "": it may. Else why it is parked: unreadable, foreign_account, wrong_mode, test_clock, future.
std::string reason_to_park(const StripeFact& fact, const StripePolicy& policy, Timestamp now);

}  // namespace tenantry::gateway
