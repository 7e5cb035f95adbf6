// Statements: what is known of one Stripe subscription or invoice, whatever the order
// and however often its statements are heard.
//
// Booking a statement joins it to what is known: the result is a function of the set
// of statements alone. Pure: no clock, database or broker.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "workers/billing/subscription.h"

namespace tenantry::billing {

// A subscription's statements in years; of more, those in the middle of one status are dropped.
constexpr std::size_t history_max = 200;

// What a subscription's status says about the account.
enum class Says {
  nothing,        // it never began, or is still to begin
  trial,          // nothing is to be paid yet
  good,           // what was to be paid is paid
  owed,           // a payment failed, and Stripe tries again
  given_up,       // a payment failed, and Stripe tries no more
  trial_expired,  // paused: its trial ended without a payment method
  paused,         // paused: somebody wanted it
  ended,
};
Says says(const Subscription& subscription);
bool is_live(const Subscription& subscription);  // keeps the tenant from being cancelled when another one ends

// Errc::invalid names a status, or a reason of a pause, that no rule is for: it is set aside, never guessed.
Result<void> check_known(const Subscription& statement);

int rank_of(std::string_view status);  // among statements of the same second
bool is_newer(const Subscription& left, const Subscription& right);
bool is_newer(const Payment& left, const Payment& right);

// Joins a statement to its subscription. True: what is known has changed.
bool book(std::vector<Subscription>& subscriptions, const Subscription& statement);
bool book(std::vector<Invoice>& invoices, const Invoice& statement);

// When the present run of good, or of owed and given up, statuses began. Empty: there is none, or nobody said when.
std::optional<Timestamp> good_since(const Subscription& subscription);
std::optional<Timestamp> owed_since(const Subscription& subscription);

// When the subscription last said that nothing was owed. Empty: it never did.
std::optional<Timestamp> settled_until(const Subscription& subscription);

// Whether a failure to pay an invoice of this reason starts dunning.
enum class Dunned {
  never,            // the first of a subscription: without it nothing began, and nothing is owed
  by_subscription,  // an upgrade that is not paid is undone: only the subscription itself says that something is owed
  by_invoice,
};
Dunned dunned(std::string_view billing_reason);

std::string_view to_string(InvoiceStatus status);

}  // namespace tenantry::billing
