#include "workers/billing/account.h"

#include <algorithm>
#include <array>

#include "shared/core/rare.h"
#include "workers/billing/statement.h"

namespace tenantry::billing {
namespace {

using tenancy::Trigger;

constexpr std::string_view reason_stripe = "stripe";

constexpr Ask ask_paid{Trigger::paid, "payment"};
constexpr Ask ask_unpaid{Trigger::unpaid, tenancy::reason_payment_failed};
constexpr Ask ask_trial_ended{Trigger::trial_ended, tenancy::reason_trial_expired};
constexpr Ask ask_pause{Trigger::pause, tenancy::reason_paused};
constexpr Ask ask_cancel{Trigger::cancel, reason_stripe};

void least(std::optional<Timestamp>& known, std::optional<Timestamp> at) {
  if (at && (!known || *at < *known)) known = at;
}
void greatest(std::optional<Timestamp>& known, std::optional<Timestamp> at) {
  if (at && (!known || *at > *known)) known = at;
}

// What has happened to a subscription's invoices since it last said that nothing is owed.
struct Invoices {
  std::optional<Timestamp> failed_at{};  // first failure of an open one that starts dunning
  bool any_failed = false;               // and open, of any reason but a subscription's first
  std::optional<Timestamp> closed_at{};  // the last one, by whatever
};

// The last payment of an invoice of the subscription. The subscription itself then says that it is active, or is about
// to: what had failed before is no more owed, as for Stripe the last invoice decides.
std::optional<Timestamp> last_paid(const Facts& facts, std::string_view stripe_subscription_id) {
  std::optional<Timestamp> paid_at;
  for (const auto& invoice : facts.invoices) {
    const bool of_it = !stripe_subscription_id.empty() && invoice.stripe_subscription_id == stripe_subscription_id;
    if (of_it && invoice.status == InvoiceStatus::paid) greatest(paid_at, invoice.closed_at);
  }
  return paid_at;
}

bool failed_after(const Invoice& invoice, std::optional<Timestamp> settled_at) {
  return invoice.status == InvoiceStatus::open && invoice.failed_last_at &&
         (!settled_at || *invoice.failed_last_at > *settled_at);
}

// Says that it owes: then it says itself when that is over.
bool says_owed(const Subscription& subscription) {
  return says(subscription) == Says::owed || says(subscription) == Says::given_up;
}

Invoices invoices_of(const Facts& facts, const Subscription& subscription) {
  Invoices out;
  auto settled_at = settled_until(subscription);
  if (!says_owed(subscription)) greatest(settled_at, last_paid(facts, subscription.stripe_subscription_id));
  for (const auto& invoice : facts.invoices) {
    if (invoice.stripe_subscription_id != subscription.stripe_subscription_id) continue;
    if (invoice.status != InvoiceStatus::open) greatest(out.closed_at, invoice.closed_at);
    if (!failed_after(invoice, settled_at)) continue;
    const auto starts = dunned(invoice.billing_reason);
    out.any_failed = out.any_failed || starts != Dunned::never;
    if (starts == Dunned::by_invoice) least(out.failed_at, invoice.failed_at);
  }
  return out;
}

// Since when something is owed for a subscription. Its own word counts for its invoices, but for what happened to them
// after it.
std::optional<Timestamp> owed_for(const Subscription& subscription, const Invoices& invoices) {
  switch (says(subscription)) {
    case Says::nothing:
    case Says::ended:
      return std::nullopt;
    case Says::trial:
    case Says::good:
    case Says::trial_expired:
    case Says::paused:
      return invoices.failed_at;
    case Says::owed:
    case Says::given_up: {
      const bool closed_since = invoices.closed_at && *invoices.closed_at >= subscription.stated_at;
      if (closed_since && !invoices.any_failed) return std::nullopt;
      auto since = owed_since(subscription);
      least(since, invoices.failed_at);
      return since;
    }
  }
  TENANTRY_ASSERT(false && "Says is exhaustive");
}

// Of invoices without a subscription, and of subscriptions that nothing was heard of yet.
std::optional<Timestamp> owed_alone(const Facts& facts) {
  std::optional<Timestamp> since;
  for (const auto& invoice : facts.invoices) {
    const bool known = std::ranges::find(facts.subscriptions, invoice.stripe_subscription_id,
                                         &Subscription::stripe_subscription_id) != facts.subscriptions.end();
    if (known || !failed_after(invoice, last_paid(facts, invoice.stripe_subscription_id))) continue;
    if (dunned(invoice.billing_reason) == Dunned::by_invoice) least(since, invoice.failed_at);
  }
  return since;
}

void add(Account& account, const Subscription& subscription, const Invoices& invoices) {
  const auto owed = owed_for(subscription, invoices);
  least(account.past_due_since, owed);
  switch (says(subscription)) {
    case Says::nothing:
    case Says::owed:
    case Says::ended:
      break;
    case Says::trial:
      greatest(account.trial_until, subscription.trial_end);
      break;
    case Says::good:
      account.subscribed = true;
      greatest(account.paid_at, good_since(subscription));
      break;
    case Says::given_up:
      account.given_up = account.given_up || owed;
      break;
    case Says::trial_expired:
    case Says::paused:
      break;
  }
}

// A pause counts until something is paid after it, or another subscription is active.
void add_pauses(Account& account, const Facts& facts) {
  if (account.subscribed) return;
  for (const auto& subscription : facts.subscriptions) {
    if (account.paid_at && subscription.stated_at <= *account.paid_at) continue;
    account.trial_expired = account.trial_expired || says(subscription) == Says::trial_expired;
    account.paused = account.paused || says(subscription) == Says::paused;
  }
}

// The end of the last subscription, where none lives.
std::optional<Timestamp> end_of(const Facts& facts) {
  std::optional<Timestamp> end;
  for (const auto& subscription : facts.subscriptions) {
    if (is_live(subscription)) return std::nullopt;
    if (says(subscription) == Says::ended) greatest(end, subscription.stated_at);
  }
  return end;
}

// ---- why ------------------------------------------------------------------------------------------------------------

std::string ended_last(const Facts& facts) {
  const Subscription* last = nullptr;
  for (const auto& each : facts.subscriptions) {
    if (says(each) == Says::ended && (last == nullptr || each.stated_at > last->stated_at)) last = &each;
  }
  return last == nullptr ? "" : last->stripe_subscription_id;
}

Because because_owed(const Facts& facts, const Account& account) {
  for (const auto& each : facts.subscriptions) {
    if (owed_for(each, invoices_of(facts, each)) != account.past_due_since) continue;
    if (says(each) == Says::given_up) return {"subscription_given_up", each.stripe_subscription_id};
    if (says(each) == Says::owed) return {"subscription_owes", each.stripe_subscription_id};
  }
  const auto failed = std::ranges::find_if(facts.invoices, [&](const Invoice& each) {
    return each.status == InvoiceStatus::open && each.failed_at == account.past_due_since;
  });
  return {"invoice_failed", failed == facts.invoices.end() ? "" : failed->stripe_invoice_id};
}

Because because_current(const Facts& facts, const Account& account) {
  const Subscription* best = nullptr;
  for (const auto& each : facts.subscriptions) {
    if (says(each) == Says::good && (best == nullptr || each.stated_at > best->stated_at)) best = &each;
  }
  if (best != nullptr) return {"subscription_active", best->stripe_subscription_id};
  const auto paid = std::ranges::find_if(facts.invoices, [&](const Invoice& each) {
    return each.status == InvoiceStatus::paid && each.closed_at == account.paid_at;
  });
  return {"payment_received", paid == facts.invoices.end() ? "" : paid->stripe_invoice_id};
}

Because because_nothing(const Facts& facts) {
  const auto which = [&](Says word) {
    const auto found = std::ranges::find_if(facts.subscriptions, [&](const auto& each) { return says(each) == word; });
    return found == facts.subscriptions.end() ? std::string() : found->stripe_subscription_id;
  };
  if (auto id = which(Says::trial); !id.empty()) return {"subscription_in_trial", std::move(id)};
  if (auto id = which(Says::paused); !id.empty()) return {"subscription_paused", std::move(id)};
  if (auto id = which(Says::trial_expired); !id.empty()) return {"trial_without_payment_method", std::move(id)};
  return {facts.subscriptions.empty() && facts.invoices.empty() ? "nothing_stated" : "nothing_owed"};
}

AccountState state_of(const Account& account) {
  if (account.ended_at && (!account.paid_at || *account.ended_at >= *account.paid_at)) return AccountState::ended;
  if (account.past_due_since) return AccountState::past_due;
  return account.paid_at || account.subscribed ? AccountState::current : AccountState::none;
}

bool has_paid(const Account& account) {
  return account.paid_at || account.subscribed;
}

bool is_suspended_for(const Tenancy& tenancy, std::string_view reason) {
  return tenancy.status == tenancy::Status::suspended && tenancy.reason == reason;
}

// A tenant that its own people or an admin have cancelled comes back by what was paid after that alone. Stripe tells
// whole seconds: what was paid in the second of the cancellation was paid after it.
bool may_pay(const Account& account, const Tenancy& tenancy) {
  const bool by_people = tenancy.status == tenancy::Status::cancelled && tenancy.reason != reason_stripe;
  return !by_people || (account.paid_at && *account.paid_at >= std::chrono::floor<Seconds>(tenancy.status_since));
}

// What was paid before the lapse, and is heard of after it, still ended the trial, or lifted the end before it.
bool pays_in_a_lapse(const Account& account, const Tenancy& tenancy) {
  if (!has_paid(account) || !may_pay(account, tenancy)) return false;
  return tenancy.status == tenancy::Status::trial || tenancy.status == tenancy::Status::cancelled ||
         is_suspended_for(tenancy, tenancy::reason_trial_expired);
}

void decide_past_due(const Account& before, const Account& after, const Tenancy& tenancy, const DunningPolicy& policy,
                     Decision& decision) {
  const bool pays = pays_in_a_lapse(after, tenancy);
  if (pays) decision.ask.push_back(ask_paid);
  const bool same_lapse = before.past_due_since == after.past_due_since && before.given_up == after.given_up;
  if (same_lapse && !pays) return;
  if (!after.given_up || tenancy.price_minor == 0) {
    decision.timer = first_dunning_timer(*after.past_due_since, policy);
  } else if (tenancy.held_until) {
    decision.timer = DunningTimer{policy.suspend_on, *tenancy.held_until};
  } else {
    decision.ask.push_back(ask_unpaid);
    decision.cancel_timer = true;
  }
}

// Nothing is owed, though nobody paid: what was suspended for it goes on.
void decide_settled(const Account& before, const Tenancy& tenancy, Decision& decision) {
  if (before.state == AccountState::past_due && is_suspended_for(tenancy, tenancy::reason_payment_failed)) {
    decision.ask.push_back(ask_paid);
  }
}

void decide_pause(const Account& before, const Account& after, Decision& decision) {
  if (after.state == AccountState::ended) return;
  if (after.trial_expired && !before.trial_expired) decision.ask.push_back(ask_trial_ended);
  if (after.paused && !before.paused) decision.ask.push_back(ask_pause);
}

}  // namespace

std::string_view to_string(AccountState state) {
  constexpr std::array<std::string_view, 4> names = {"none", "current", "past_due", "ended"};
  return names[static_cast<std::size_t>(state)];
}

std::string_view to_string(PaymentState state) {
  constexpr std::array<std::string_view, 6> names = {"failed",   "succeeded",   "refunded",
                                                     "disputed", "dispute_won", "dispute_lost"};
  return names[static_cast<std::size_t>(state)];
}

Account account_of(const Facts& facts) {
  Account account;
  account.paid_at = facts.received_at;
  account.past_due_since = owed_alone(facts);
  for (const auto& subscription : facts.subscriptions) {
    add(account, subscription, invoices_of(facts, subscription));
  }
  add_pauses(account, facts);
  account.ended_at = end_of(facts);
  if (rare::is(rare::Mutant::payment_pays_everything) && account.paid_at && account.past_due_since <= account.paid_at) {
    account.past_due_since.reset();
  }
  account.state = state_of(account);
  if (account.state != AccountState::past_due) account.past_due_since.reset();
  return account;
}

std::optional<Timestamp> next_attempt(const Facts& facts) {
  std::optional<Timestamp> next;
  for (const auto& invoice : facts.invoices) {
    if (invoice.status == InvoiceStatus::open && invoice.failed_at) least(next, invoice.next_attempt_at);
  }
  return next;
}

Because because_of(const Facts& facts, const Account& account) {
  switch (account.state) {
    case AccountState::ended:
      return {"last_subscription_ended", ended_last(facts)};
    case AccountState::past_due:
      return because_owed(facts, account);
    case AccountState::current:
      return because_current(facts, account);
    case AccountState::none:
      return because_nothing(facts);
  }
  TENANTRY_ASSERT(false && "AccountState is exhaustive");
}

Decision decide(const Account& before, const Account& after, const Tenancy& tenancy, const DunningPolicy& policy) {
  Decision decision;
  if (before == after) return decision;
  decision.cancel_timer = before.state == AccountState::past_due && after.state != AccountState::past_due;
  switch (after.state) {
    case AccountState::none:
      decide_settled(before, tenancy, decision);
      break;
    case AccountState::current:
      if ((before.state != after.state || before.paid_at != after.paid_at) && may_pay(after, tenancy)) {
        decision.ask.push_back(ask_paid);
      }
      break;
    case AccountState::past_due:
      decide_past_due(before, after, tenancy, policy, decision);
      break;
    case AccountState::ended:
      if (before.state != after.state || before.ended_at != after.ended_at) decision.ask.push_back(ask_cancel);
      break;
  }
  decide_pause(before, after, decision);
  return decision;
}

Decision decide_anew(const Account& stored, const Account& now, const Tenancy& tenancy, const DunningPolicy& policy) {
  Account before;
  if (stored.state == AccountState::past_due) {
    before.state = stored.state;
    before.past_due_since = stored.past_due_since;
    before.given_up = now.given_up;
  }
  return decide(before, now, tenancy, policy);
}

std::optional<Ask> on_trial_ended(const Account& account, const Tenancy& tenancy, Timestamp trial_ends_at) {
  if (trial_ends_at < tenancy.trial_ends_at) return std::nullopt;
  if (tenancy.price_minor == 0) return Ask{Trigger::paid, "free_plan"};
  if (account.state == AccountState::current) return std::nullopt;
  return ask_trial_ended;
}

}  // namespace tenantry::billing
