// Account: what all that Stripe has stated about a tenant amounts to, and what to
// ask of the tenant's lifecycle for it.
//
// The account is a function of the set of facts: never of the order in which they
// arrived, nor of how often. So booking a fact only ever adds to what is known
// (newest payment, failures since), and the rest is derived anew each time.
// Pure: no clock, database or broker.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "workers/billing/dunning.h"
#include "workers/billing/subscription.h"

namespace tenantry::billing {

// A lapse is as old as its oldest failure; what Stripe's retries add beyond this many is not kept.
constexpr std::size_t failures_max = 200;

std::string_view to_string(AccountState state);
std::string_view to_string(PaymentState state);

// Errc::invalid names a status that no rule is for: it is set aside, never guessed.
Result<void> check_status(std::string_view status);

// The newer statement holds; of the same second the more final one, then the higher event id.
int rank_of(std::string_view status);
bool is_newer(const Subscription& left, const Subscription& right);
bool is_newer(const Payment& left, const Payment& right);

void book_payment(Account& account, Timestamp at);
void book_failure(Account& account, Timestamp at);

// Keeps the statement where it is the newest of its subscription, and books what it
// says about payment, newest or not. True: `subscriptions` changed.
bool book_statement(Account& account, std::vector<Subscription>& subscriptions, const Subscription& statement);

// Fills the derived part from the rest.
void derive(Account& account, std::span<const Subscription> subscriptions);

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

// The end of our own trial: an unpaid one suspends, a free plan goes on. A timer of
// a trial that was extended since is none.
std::optional<Ask> on_trial_ended(const Account& account, const Tenancy& tenancy, Timestamp trial_ends_at);

}  // namespace tenantry::billing
