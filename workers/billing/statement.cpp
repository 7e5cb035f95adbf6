#include "workers/billing/statement.h"

#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <tuple>

#include "shared/core/rare.h"

namespace tenantry::billing {
namespace {

struct StatusRow {
  std::string_view status;
  Says says;
  bool live;
  int rank;
};
constexpr StatusRow status_rows[] = {
    {"incomplete", Says::nothing, false, 0},
    {"trialing", Says::trial, true, 1},
    {"paused", Says::trial_expired, true, 2},
    {"past_due", Says::owed, true, 3},
    {"unpaid", Says::given_up, true, 4},
    {"active", Says::good, true, 5},
    {"incomplete_expired", Says::nothing, false, 6},
    {"canceled", Says::ended, false, 7},
};

// Since 2026-09-30.endive Stripe says why a subscription is paused; before, there was one reason only.
struct PauseRow {
  std::string_view reason;
  Says says;
};
constexpr PauseRow pause_rows[] = {
    {"", Says::trial_expired},
    {"trial_end_without_payment_method", Says::trial_expired},
    {"first_payment_failure", Says::nothing},
    {"final_payment_failure", Says::given_up},
    {"pause_requested", Says::paused},
    {"system", Says::paused},
};

struct ReasonRow {
  std::string_view reason;
  Dunned dunned;
};
constexpr ReasonRow reason_rows[] = {
    {"subscription_create", Dunned::never},
    {"subscription_update", Dunned::by_subscription},
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

auto order_of(const Standing& standing) {
  return std::pair(standing.at, rank_of(standing.status));
}

// The middle of a run says nothing that its ends do not, but for a statement that comes years late.
void shorten(std::vector<Standing>& history) {
  if (history.size() <= history_max) return;
  for (auto at = history.begin() + 1; at + 1 != history.end(); ++at) {
    if ((at - 1)->status != at->status || (at + 1)->status != at->status || !at->confirms) continue;
    history.erase(at);
    return;
  }
  history.erase(history.begin());
}

bool add_standing(std::vector<Standing>& history, const Standing& standing) {
  const auto place = std::ranges::lower_bound(history, order_of(standing), {}, order_of);
  if (place == history.end() || order_of(*place) != order_of(standing)) {
    history.insert(place, standing);
    shorten(history);
    return true;
  }
  if (!place->confirms || standing.confirms) return false;
  place->confirms = false;
  return true;
}

// The statements that `in` tells of and that nothing else came after.
template <class F>
std::span<const Standing> last_run(const std::vector<Standing>& history, F in) {
  auto from = history.end();
  while (from != history.begin() && in((from - 1)->status)) --from;
  return {from, history.end()};
}

// Paused after the last try to collect has failed, it is owed since the pause.
std::span<const Standing> owed_run(const Subscription& subscription) {
  const auto said = says(subscription);
  if (said != Says::owed && said != Says::given_up) return {};
  const bool paused = subscription.status == "paused";
  return last_run(subscription.history, [&](const std::string& status) {
    return paused ? status == "paused" : status == "past_due" || status == "unpaid";
  });
}

template <class T, class F>
void join(std::optional<T>& known, const std::optional<T>& stated, F better) {
  if (stated && (!known || better(*stated, *known))) known = stated;
}

void join_status(Invoice& known, const Invoice& statement) {
  if (statement.status == InvoiceStatus::voided && rare::is(rare::Mutant::void_is_owed)) return;
  if (statement.status < known.status) return;
  if (statement.status > known.status) {
    known.status = statement.status;
    known.closed_at = statement.closed_at;
    return;
  }
  join(known.closed_at, statement.closed_at, std::less{});
}

bool is_newer(const Invoice& left, const Invoice& right) {
  return std::tie(left.stated_at, left.status, left.stripe_event_id) >
         std::tie(right.stated_at, right.status, right.stripe_event_id);
}

// The text of the newest statement that has one.
void take_words(Invoice& known, const Invoice& newer) {
  const auto take = [](std::string& word, const std::string& with) {
    if (!with.empty()) word = with;
  };
  take(known.stripe_subscription_id, newer.stripe_subscription_id);
  take(known.billing_reason, newer.billing_reason);
  take(known.number, newer.number);
  take(known.url, newer.url);
  take(known.currency, newer.currency);
  known.amount_minor = newer.amount_minor;
  known.next_attempt_at = newer.next_attempt_at;
  known.stated_at = newer.stated_at;
  known.stripe_event_id = newer.stripe_event_id;
}

Invoice joined(const Invoice& known, const Invoice& statement) {
  const bool newer = is_newer(statement, known);
  Invoice out = newer ? known : statement;
  take_words(out, newer ? statement : known);
  out.status = known.status;
  out.closed_at = known.closed_at;
  join_status(out, statement);
  out.failed_at = known.failed_at;
  join(out.failed_at, statement.failed_at, std::less{});
  out.failed_last_at = known.failed_last_at;
  join(out.failed_last_at, statement.failed_last_at, std::greater{});
  out.issued_at = known.issued_at;
  join(out.issued_at, statement.issued_at, std::less{});
  return out;
}

bool same(const Invoice& left, const Invoice& right) {
  const auto fields = [](const Invoice& each) {
    return std::tie(each.stripe_subscription_id, each.billing_reason, each.status, each.closed_at, each.failed_at,
                    each.failed_last_at, each.next_attempt_at, each.number, each.amount_minor, each.currency, each.url,
                    each.issued_at, each.stated_at, each.stripe_event_id);
  };
  return fields(left) == fields(right);
}

}  // namespace

Says says(const Subscription& subscription) {
  if (subscription.status != "paused") return known_status(subscription.status).says;
  const auto row = std::ranges::find(pause_rows, subscription.pause_reason, &PauseRow::reason);
  TENANTRY_ASSERT(row != std::end(pause_rows));
  return row->says;
}

bool is_live(const Subscription& subscription) {
  return known_status(subscription.status).live && !rare::is(rare::Mutant::one_end_ends_all);
}

Result<void> check_known(const Subscription& statement) {
  if (find_status(statement.status) == nullptr) {
    return Error::invalid("/subscription/status", "unknown_status",
                          "no rule for the subscription status \"" + statement.status + "\"");
  }
  if (statement.status == "paused" &&
      std::ranges::find(pause_rows, statement.pause_reason, &PauseRow::reason) == std::end(pause_rows)) {
    return Error::invalid("/subscription/pause_reason", "unknown_reason",
                          "no rule for the reason \"" + statement.pause_reason + "\" of a pause");
  }
  return {};
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

bool book(std::vector<Subscription>& subscriptions, const Subscription& statement) {
  // Active and about to end: it was paid before, and saying so is no new payment.
  const bool ending = statement.cancel_at_period_end || statement.cancel_at;
  const bool confirms = (statement.history.empty() ? false : statement.history.front().confirms) ||
                        (ending && statement.status == "active");
  const Standing standing{statement.stated_at, statement.status, confirms};

  const auto known =
      std::ranges::find(subscriptions, statement.stripe_subscription_id, &Subscription::stripe_subscription_id);
  if (known == subscriptions.end()) {
    subscriptions.push_back(statement);
    subscriptions.back().history = {standing};
    return true;
  }
  if (rare::is(rare::Mutant::last_arrival_wins)) {
    *known = statement;
    known->history = {standing};
    return true;
  }
  auto history = std::move(known->history);
  bool changed = add_standing(history, standing);
  if (is_newer(statement, *known)) {
    *known = statement;
    changed = true;
  }
  known->history = std::move(history);
  return changed;
}

bool book(std::vector<Invoice>& invoices, const Invoice& statement) {
  const auto known = std::ranges::find(invoices, statement.stripe_invoice_id, &Invoice::stripe_invoice_id);
  if (known == invoices.end()) {
    invoices.push_back(statement);
    return true;
  }
  auto now = joined(*known, statement);
  if (same(now, *known)) return false;
  *known = std::move(now);
  return true;
}

std::optional<Timestamp> good_since(const Subscription& subscription) {
  const auto run = last_run(subscription.history, [](const std::string& status) { return status == "active"; });
  const auto first = std::ranges::find(run, false, &Standing::confirms);
  return first == run.end() ? std::nullopt : std::optional(first->at);
}

std::optional<Timestamp> owed_since(const Subscription& subscription) {
  const auto run = owed_run(subscription);
  return run.empty() ? std::nullopt : std::optional(run.front().at);
}

std::optional<Timestamp> settled_until(const Subscription& subscription) {
  const auto& history = subscription.history;
  const auto before = history.size() - owed_run(subscription).size();
  return before == 0 ? std::nullopt : std::optional(history[before - 1].at);
}

Dunned dunned(std::string_view billing_reason) {
  const auto row = std::ranges::find(reason_rows, billing_reason, &ReasonRow::reason);
  return row == std::end(reason_rows) ? Dunned::by_invoice : row->dunned;
}

std::string_view to_string(InvoiceStatus status) {
  constexpr std::array<std::string_view, 4> names = {"open", "uncollectible", "void", "paid"};
  return names[static_cast<std::size_t>(status)];
}

}  // namespace tenantry::billing
