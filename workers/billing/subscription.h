// Billing's state: what Stripe stated about a tenant's subscriptions and invoices,
// and the account that follows from it.
//
// Data only; statement.h keeps what is known of each object, account.h and dunning.h
// decide, store.h keeps it all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/core/time.h"
#include "shared/tenancy/dunning_terms.h"
#include "shared/tenancy/lifecycle.h"

namespace tenantry::billing {

struct SubscriptionItem {
  std::string stripe_item_id{};
  std::string price_id{};
  std::int64_t quantity = 0;
  bool operator==(const SubscriptionItem&) const = default;
};

// One statement of a subscription's status.
struct Standing {
  Timestamp at;
  std::string status;     // Stripe's own word, one that statement.h knows
  bool confirms = false;  // the statement was about something else: the status began before it
  bool operator==(const Standing&) const = default;
};

// What is known of one Stripe subscription: the newest statement about it, and the
// statuses of all, for a lapse is as old as its first statement.
struct Subscription {
  std::string stripe_subscription_id;
  std::string tenant_id;
  std::string stripe_customer_id{};
  std::string status;  // of the newest statement
  std::vector<SubscriptionItem> items{};
  std::optional<Timestamp> current_period_start{};
  std::optional<Timestamp> current_period_end{};
  std::optional<Timestamp> cancel_at{};
  std::optional<Timestamp> canceled_at{};
  std::optional<Timestamp> ended_at{};
  std::optional<Timestamp> trial_end{};
  bool cancel_at_period_end = false;
  std::string pause_reason{};
  Timestamp stated_at{};
  std::string stripe_event_id{};
  std::vector<Standing> history{};  // by time, then rank
};

enum class InvoiceStatus { open, uncollectible, voided, paid };  // the later of these holds, whenever it was stated

// What is known of one invoice.
struct Invoice {
  std::string stripe_invoice_id;
  std::string tenant_id;
  std::string stripe_subscription_id{};  // "": of none
  std::string billing_reason{};          // Stripe's own word
  InvoiceStatus status = InvoiceStatus::open;
  std::optional<Timestamp> closed_at{};  // when `status` was first stated, where it is not open
  std::optional<Timestamp> failed_at{};  // the first failure to pay it
  std::optional<Timestamp> failed_last_at{};
  std::optional<Timestamp> next_attempt_at{};  // as of the newest statement
  std::string number{};
  std::int64_t amount_minor = 0;
  std::string currency{};
  std::string url{};
  std::optional<Timestamp> issued_at{};  // when it was finalised; empty while that is not known
  Timestamp stated_at{};                 // of the newest statement
  std::string stripe_event_id{};
};

// Of two statements of the same second about one object, the later of these holds.
enum class PaymentState { failed, succeeded, refunded, disputed, dispute_won, dispute_lost };

// The newest statement about one invoice, checkout session, charge or dispute as a movement of money.
struct Payment {
  std::string stripe_object_id;
  std::string tenant_id;
  PaymentState state = PaymentState::succeeded;
  std::string stripe_subscription_id{};
  std::int64_t amount_minor = 0;
  std::string currency{};
  Timestamp stated_at{};
  std::string stripe_event_id{};
};

// What a tenant pays with, by the newest statement.
struct PaymentMethod {
  std::string stripe_payment_method_id;
  std::string tenant_id;
  std::string kind{};
  std::string brand{};
  std::string last4{};
  std::optional<Timestamp> expires_at{};  // the first instant after; empty: it does not
  bool detached = false;
  Timestamp stated_at{};
  std::string stripe_event_id{};
};

// All that a tenant's account rests on.
struct Facts {
  std::optional<Timestamp> received_at{};  // the newest payment of an invoice or a checkout session
  std::vector<Subscription> subscriptions{};
  std::vector<Invoice> invoices{};  // at least the open ones and, of each subscription, the last of each other status
};

enum class AccountState { none, current, past_due, ended };

// A tenant's account, derived from its facts (account.h).
struct Account {
  AccountState state = AccountState::none;
  std::optional<Timestamp> paid_at{};         // newest payment, or beginning of an active subscription
  bool subscribed = false;                    // a subscription is active
  std::optional<Timestamp> past_due_since{};  // only while past_due
  std::optional<Timestamp> ended_at{};        // the last subscription's end; empty while one lives
  bool given_up = false;                      // past_due, and Stripe tries no more
  bool trial_expired = false;                 // Stripe's own trial ended without a payment method
  bool paused = false;                        // somebody has paused the subscription
  std::optional<Timestamp> trial_until{};     // of a subscription in its trial

  bool operator==(const Account&) const = default;
};

// What billing looks at in platform.*.
struct Tenancy {
  tenancy::Status status = tenancy::Status::pending;
  std::string reason{};  // of the status
  Timestamp status_since{};
  Timestamp trial_ends_at{};
  std::string plan{};
  int plan_version = 0;
  std::int64_t price_minor = 0;
  std::optional<Timestamp> held_until{};      // a hold that forbids to suspend for a payment, and has not ended
  std::optional<Timestamp> unbilled_until{};  // a no_billing hold: nothing is asked for, and held as above
  tenancy::DunningTerms dunning{};            // the tenant's own, or its plan's
};

}  // namespace tenantry::billing
