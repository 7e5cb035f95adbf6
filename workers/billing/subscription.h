// Billing's state: what Stripe stated about a tenant's subscriptions and payments,
// and the account that follows from it.
//
// Data only; account.h and dunning.h decide, store.h keeps it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/core/time.h"
#include "shared/tenancy/lifecycle.h"

namespace tenantry::billing {

// The newest statement about one Stripe subscription.
struct Subscription {
  std::string stripe_subscription_id;
  std::string tenant_id;
  std::string stripe_customer_id{};
  std::string status;  // Stripe's own word, one that account.h knows
  std::string price_id{};
  std::int64_t quantity = 0;
  std::optional<Timestamp> current_period_start{};
  std::optional<Timestamp> current_period_end{};
  std::optional<Timestamp> cancel_at{};
  std::optional<Timestamp> canceled_at{};
  std::optional<Timestamp> ended_at{};
  bool cancel_at_period_end = false;
  Timestamp stated_at{};
  std::string stripe_event_id{};
};

// Of two statements of the same second about one object, the later of these holds.
enum class PaymentState { failed, succeeded, refunded, disputed };

// The newest statement about one invoice, checkout session, charge or dispute.
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

struct Invoice {
  std::string stripe_invoice_id;
  std::string tenant_id;
  std::string number{};
  std::int64_t amount_minor = 0;
  std::string currency{};
  std::string url{};
  Timestamp issued_at{};
};

enum class AccountState { none, current, past_due, ended };

// A tenant's account. The upper part grows with each fact, in whatever order; the
// lower one is derived from it and the subscriptions (account.h).
struct Account {
  std::optional<Timestamp> paid_at{};    // newest payment
  std::optional<Timestamp> failed_at{};  // newest failure, paid since or not
  std::vector<Timestamp> failures{};     // those newer than paid_at, ascending

  AccountState state = AccountState::none;
  std::optional<Timestamp> past_due_since{};  // only while past_due
  std::optional<Timestamp> ended_at{};        // the last subscription's end; empty while one lives
  bool given_up = false;                      // past_due, and Stripe tries no more (unpaid)
  bool paused = false;                        // Stripe's own trial ended without a payment method

  bool operator==(const Account&) const = default;
};

// What billing looks at in platform.*.
struct Tenancy {
  tenancy::Status status = tenancy::Status::pending;
  std::string reason{};  // of the status
  Timestamp trial_ends_at{};
  std::int64_t price_minor = 0;
  std::optional<Timestamp> held_until{};  // a no_suspend hold that has not ended
};

}  // namespace tenantry::billing
