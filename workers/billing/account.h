// Account: what all that Stripe has stated about a tenant amounts to, and what to
// ask of the tenant's lifecycle for it.
//
// Owed, paid and ended are facts of an invoice and of a subscription; the account is
// a fold over them, derived anew each time. So it depends neither on the order in
// which facts arrived nor on how often, and what happens to one subscription or
// purchase does nothing to another. Pure: no clock, database or broker.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "workers/billing/dunning.h"
#include "workers/billing/subscription.h"

namespace tenantry::billing {

std::string_view to_string(AccountState state);
std::string_view to_string(PaymentState state);

Account account_of(const Facts& facts);

// Which rule made the account what it is, and of which object: the one to look at.
struct Because {
  std::string_view rule;
  std::string object_id{};  // "": of none that is kept
  bool operator==(const Because&) const = default;
};
Because because_of(const Facts& facts, const Account& account);

// When Stripe tries to collect next, of what has failed and is open; empty: never, or nobody said.
std::optional<Timestamp> next_attempt(const Facts& facts);

struct Ask {
  tenancy::Trigger trigger;
  std::string_view reason;
  bool operator==(const Ask&) const = default;
};

struct Decision {
  std::vector<Ask> ask{};  // of the lifecycle, in this order
  bool cancel_timer = false;
  std::optional<DunningTimer> timer{};  // replaces the one there is
};

// What a change of the account asks for; nothing when nothing changed. Also where
// nothing can be asked twice by accident: the lifecycle ignores what it has done.
Decision decide(const Account& before, const Account& after, const Tenancy& tenancy, const DunningPolicy& policy);

// What the account asks for where it was judged by other rules: all that holds, but for a dunning that goes on as it
// is. `stored`: as it was written.
Decision decide_anew(const Account& stored, const Account& now, const Tenancy& tenancy, const DunningPolicy& policy);

// The end of our own trial: an unpaid one suspends, a free plan goes on. A timer of
// a trial that was extended since is none. (Of a tenant that need not pay the worker
// asks nothing: its trial goes on.)
std::optional<Ask> on_trial_ended(const Account& account, const Tenancy& tenancy, Timestamp trial_ends_at);

}  // namespace tenantry::billing
