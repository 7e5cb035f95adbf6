// Lifecycle: the one table of what moves a tenant from which status to which.
//
// Pure: no clock, database or broker. transition.h applies it to a tenant's row;
// nothing else writes platform.tenants.status.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::tenancy {

enum class Status { pending, trial, active, suspended, cancelled, deleted };
std::string_view to_string(Status status);
std::optional<Status> status_from(std::string_view text);
constexpr Status all_statuses[] = {Status::pending,   Status::trial,     Status::active,
                                   Status::suspended, Status::cancelled, Status::deleted};

enum class Trigger {
  provisioned,  // every resource is there
  paid,         // a payment, or an active subscription
  trial_ended,  // without payment
  unpaid,       // dunning is over, or Stripe gave up
  suspend,      // by an admin
  reactivate,   // by an admin: lifts any suspension
  resume,       // by the tenant, of a cancellation whose subscription is still paid
  cancel,       // by tenant, admin or Stripe
  grace_over,   // 30 days after the cancellation
};
std::string_view to_string(Trigger trigger);
constexpr Trigger all_triggers[] = {Trigger::provisioned, Trigger::paid,    Trigger::trial_ended,
                                    Trigger::unpaid,      Trigger::suspend, Trigger::reactivate,
                                    Trigger::resume,      Trigger::cancel,  Trigger::grace_over};

constexpr std::string_view reason_trial_expired = "trial_expired";
constexpr std::string_view reason_payment_failed = "payment_failed";

// What the table looks at beside the status.
struct LifecycleState {
  Status status = Status::pending;
  std::string reason{};                // of a suspension
  std::optional<Status> resumes_to{};  // what a suspension by an admin, or a cancellation, interrupted
  Timestamp trial_ends_at{};
};

struct Move {
  Status to;
  std::string reason;                  // the new status_reason
  std::optional<Status> resumes_to{};  // to remember
  bool operator==(const Move&) const = default;
};

// nullopt: the trigger changes nothing here (late, repeated, or booked only). A
// suspension by an admin may take a payment: the move then keeps the status and
// changes what it resumes to.
std::optional<Move> decide(const LifecycleState& state, Trigger trigger, std::string_view reason, Timestamp now);

// Access by status, checked on every tenant request before anything else.
struct Access {
  bool allowed = false;
  int http_status = 200;
  std::string_view code{};  // "trial_expired", ... : also the key of the localised message
};
Access access_of(const LifecycleState& state, Timestamp now);

}  // namespace tenantry::tenancy
