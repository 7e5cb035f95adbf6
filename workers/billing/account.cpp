#include "workers/billing/account.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "shared/core/rare.h"

namespace tenantry::billing {
namespace {

using tenancy::Trigger;

// What a Stripe status says about the account.
enum class Says { nothing, paid, failed, given_up, paused, ended };

struct StatusRow {
  std::string_view status;
  Says says;
  bool live;  // a subscription that keeps the tenant from being cancelled when another one ends
  int rank;   // among statements of the same second
};
constexpr StatusRow status_rows[] = {
    {"incomplete", Says::nothing, false, 0},
    {"trialing", Says::nothing, true, 1},
    {"paused", Says::paused, false, 2},
    {"past_due", Says::failed, true, 3},
    {"unpaid", Says::given_up, false, 4},
    {"active", Says::paid, true, 5},
    {"incomplete_expired", Says::nothing, false, 6},
    {"canceled", Says::ended, false, 7},
};

const StatusRow* find_status(std::string_view status) {
  const auto row = std::ranges::find(status_rows, status, &StatusRow::status);
  return row == std::end(status_rows) ? nullptr : row;
}

const StatusRow& known_status(std::string_view status) {
  const auto* row = find_status(status);
  TENANTRY_ASSERT(row != nullptr);
  return *row;
}

// A subscription that is going to end is active because it was paid before: stating so is no new payment,
// and must not bring back a tenant whose cancellation caused the statement.
bool is_payment(const Subscription& statement) {
  return known_status(statement.status).says == Says::paid && !statement.cancel_at_period_end && !statement.cancel_at;
}

bool has_lapsed_trial(const Tenancy& tenancy) {
  return tenancy.status == tenancy::Status::trial ||
         (tenancy.status == tenancy::Status::suspended && tenancy.reason == tenancy::reason_trial_expired);
}

constexpr std::string_view reason_stripe = "stripe";

bool is_cancelled_by_us(const Tenancy& tenancy) {
  return tenancy.status == tenancy::Status::cancelled && tenancy.reason == reason_stripe;
}

constexpr Ask ask_paid{Trigger::paid, "payment"};
constexpr Ask ask_unpaid{Trigger::unpaid, tenancy::reason_payment_failed};
constexpr Ask ask_trial_ended{Trigger::trial_ended, tenancy::reason_trial_expired};
constexpr Ask ask_cancel{Trigger::cancel, reason_stripe};

void decide_past_due(const Account& before, const Account& after, const Tenancy& tenancy, const DunningPolicy& policy,
                     Decision& decision) {
  // A payment older than the failure, of which we hear after it, still ended the trial, or lifted the end before it.
  if (after.paid_at && (has_lapsed_trial(tenancy) || is_cancelled_by_us(tenancy))) decision.ask.push_back(ask_paid);

  const bool same_lapse = before.past_due_since == after.past_due_since && before.given_up == after.given_up;
  if (same_lapse) return;
  if (!after.given_up) {
    decision.timer = first_dunning_timer(*after.past_due_since, policy);
  } else if (tenancy.held_until) {
    decision.timer = DunningTimer{policy.suspend_on, *tenancy.held_until};
  } else {
    decision.ask.push_back(ask_unpaid);
    decision.cancel_timer = true;
  }
}

}  // namespace

std::string_view to_string(AccountState state) {
  constexpr std::array<std::string_view, 4> names = {"none", "current", "past_due", "ended"};
  return names[static_cast<std::size_t>(state)];
}

std::string_view to_string(PaymentState state) {
  constexpr std::array<std::string_view, 4> names = {"failed", "succeeded", "refunded", "disputed"};
  return names[static_cast<std::size_t>(state)];
}

Result<void> check_status(std::string_view status) {
  if (find_status(status) != nullptr) return {};
  return Error::invalid("/subscription/status", "unknown_status",
                        "no rule for the subscription status \"" + std::string(status) + "\"");
}

int rank_of(std::string_view status) {
  return known_status(status).rank;
}

bool is_newer(const Subscription& left, const Subscription& right) {
  return std::tuple(left.stated_at, rank_of(left.status), left.stripe_event_id) >
         std::tuple(right.stated_at, rank_of(right.status), right.stripe_event_id);
}

bool is_newer(const Payment& left, const Payment& right) {
  return std::tie(left.stated_at, left.state, left.stripe_event_id) >
         std::tie(right.stated_at, right.state, right.stripe_event_id);
}

void book_payment(Account& account, Timestamp at) {
  account.paid_at = std::max(account.paid_at.value_or(at), at);
  std::erase_if(account.failures, [&](Timestamp failure) { return failure <= *account.paid_at; });
}

void book_failure(Account& account, Timestamp at) {
  account.failed_at = std::max(account.failed_at.value_or(at), at);
  if (account.paid_at && at <= *account.paid_at && !rare::is(rare::Mutant::last_arrival_wins)) return;
  const auto place = std::ranges::lower_bound(account.failures, at);
  if (place != account.failures.end() && *place == at) return;
  account.failures.insert(place, at);
  if (account.failures.size() > failures_max) account.failures.pop_back();
}

bool book_statement(Account& account, std::vector<Subscription>& subscriptions, const Subscription& statement) {
  const auto says = known_status(statement.status).says;
  if (is_payment(statement)) book_payment(account, statement.stated_at);
  if (says == Says::failed || says == Says::given_up) book_failure(account, statement.stated_at);

  const auto known =
      std::ranges::find(subscriptions, statement.stripe_subscription_id, &Subscription::stripe_subscription_id);
  if (known == subscriptions.end()) {
    subscriptions.push_back(statement);
    return true;
  }
  if (!is_newer(statement, *known)) return false;
  *known = statement;
  return true;
}

void derive(Account& account, std::span<const Subscription> subscriptions) {
  account.past_due_since.reset();
  account.ended_at.reset();
  account.given_up = false;
  account.paused = false;

  const auto unpaid_since = [&](const Subscription& subscription) {
    return !account.paid_at || subscription.stated_at > *account.paid_at;
  };
  bool any_live = false;
  std::optional<Timestamp> last_end;
  for (const auto& subscription : subscriptions) {
    const auto& row = known_status(subscription.status);
    any_live = any_live || row.live;
    if (row.says == Says::ended) last_end = std::max(last_end.value_or(subscription.stated_at), subscription.stated_at);
    if (row.says == Says::given_up && unpaid_since(subscription)) account.given_up = true;
    if (row.says == Says::paused && unpaid_since(subscription)) account.paused = true;
  }
  if (!any_live) account.ended_at = last_end;

  if (account.ended_at && (!account.paid_at || *account.ended_at >= *account.paid_at)) {
    account.state = AccountState::ended;
  } else if (!account.failures.empty()) {
    account.state = AccountState::past_due;
    account.past_due_since = account.failures.front();
  } else {
    account.state = account.paid_at ? AccountState::current : AccountState::none;
  }
}

Decision decide(const Account& before, const Account& after, const Tenancy& tenancy, const DunningPolicy& policy) {
  Decision decision;
  if (before == after) return decision;
  decision.cancel_timer = before.state == AccountState::past_due && after.state != AccountState::past_due;
  switch (after.state) {
    case AccountState::none:
      break;
    case AccountState::current:
      if (before.state != after.state || before.paid_at != after.paid_at) decision.ask.push_back(ask_paid);
      break;
    case AccountState::past_due:
      decide_past_due(before, after, tenancy, policy, decision);
      break;
    case AccountState::ended:
      if (before.state != after.state || before.ended_at != after.ended_at) decision.ask.push_back(ask_cancel);
      break;
  }
  if (after.paused && !before.paused && after.state != AccountState::ended) decision.ask.push_back(ask_trial_ended);
  return decision;
}

std::optional<Ask> on_trial_ended(const Account& account, const Tenancy& tenancy, Timestamp trial_ends_at) {
  if (trial_ends_at < tenancy.trial_ends_at) return std::nullopt;
  if (tenancy.price_minor == 0) return Ask{Trigger::paid, "free_plan"};
  if (account.state == AccountState::current) return std::nullopt;
  return ask_trial_ended;
}

}  // namespace tenantry::billing
