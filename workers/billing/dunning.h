// Dunning: what unpaid days do to a tenant. It is reminded on set days, then
// suspended, unless a hold forbids it.
//
// Pure: no clock, database or broker. The worker loads the account, calls in here
// and commits the effects, all in one transaction.
#pragma once

#include <optional>
#include <vector>

#include "shared/tenancy/dunning_terms.h"
#include "workers/billing/subscription.h"

namespace tenantry::billing {

struct DunningPolicy {
  std::vector<Days> remind_on = {Days{0}, Days{3}, Days{7}};  // ascending, before suspend_on
  Days suspend_on{14};
  Days notice{3};  // at least so long from the first reminder that was sent to the suspension, however late it was
};

// The settings, but for what the tenant or its plan says. A reminder that would come at the suspension or after it is
// none.
DunningPolicy with_terms(DunningPolicy settings, const tenancy::DunningTerms& terms);

struct DunningTimer {
  Days day;
  Timestamp at;
  std::optional<Timestamp> warned_at{};  // when the lapse's first reminder was sent
  bool operator==(const DunningTimer&) const = default;
};

// A timer that has come, and the lapse that it was set for.
struct DunningDay {
  Timestamp lapse;
  Days day;
  std::optional<Timestamp> warned_at{};
  std::optional<Timestamp> next_attempt_at{};  // when Stripe tries to collect again, as far as it has said
};

struct DunningEffects {
  std::optional<Days> remind{};           // this day's reminder
  std::optional<Timestamp> suspend_at{};  // what the reminder says
  bool suspend = false;
  std::optional<DunningTimer> next{};
  bool operator==(const DunningEffects&) const = default;
};

// A tenant is reminded only where a suspension would follow: in a trial nothing is owed to us yet, and who is
// suspended or has cancelled knows.
bool takes_reminders(tenancy::Status status);

DunningTimer first_dunning_timer(Timestamp past_due_since, const DunningPolicy& policy);

// Of a lapse whose policy has changed: its next day that lies ahead. Nobody has been warned of that one.
DunningTimer next_dunning_timer(Timestamp past_due_since, const DunningPolicy& policy, Timestamp now);

// Once the timer's lapse is over (paid, or paid and lapsed again) it has no effects, so
// a late or repeated timer is harmless. Of reminders whose days have passed only the last is sent. A suspension
// waits for an attempt that Stripe has announced for the days of the notice after it.
DunningEffects on_dunning_due(const Account& account, const Tenancy& tenancy, const DunningDay& due,
                              const DunningPolicy& policy, Timestamp now);

}  // namespace tenantry::billing
