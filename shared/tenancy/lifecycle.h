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
std::string_view to_string(Status status);                 // as PostgreSQL has it: "trial"
std::string written(Status status);                        // as events, answers and people have it: "TRIAL"
std::optional<Status> status_from(std::string_view text);  // of either
constexpr Status all_statuses[] = {Status::pending,   Status::trial,     Status::active,
                                   Status::suspended, Status::cancelled, Status::deleted};

enum class Trigger {
  provisioned,   // every resource is there
  paid,          // a payment, or an active subscription
  trial_ended,   // without payment
  extend_trial,  // the trial ends later than it was thought to
  unpaid,        // dunning is over, or Stripe gave up
  pause,         // somebody paused the subscription, until it is resumed
  suspend,       // by an admin, until an admin lifts it
  reactivate,    // by an admin: lifts any suspension
  resume,        // by the tenant, of a cancellation whose subscription is still paid
  cancel,        // by tenant, admin or Stripe
  grace_over,    // 30 days after the cancellation
};
std::string_view to_string(Trigger trigger);
constexpr Trigger all_triggers[] = {Trigger::provisioned, Trigger::paid,   Trigger::trial_ended, Trigger::extend_trial,
                                    Trigger::unpaid,      Trigger::pause,  Trigger::suspend,     Trigger::reactivate,
                                    Trigger::resume,      Trigger::cancel, Trigger::grace_over};

constexpr std::string_view reason_trial_expired = "trial_expired";
constexpr std::string_view reason_payment_failed = "payment_failed";
constexpr std::string_view reason_paused = "paused";
// Whether only the platform suspends with this reason: an admin's must not be taken for one that a payment lifts.
bool is_own_reason(std::string_view reason);

// What the table looks at beside the status.
struct LifecycleState {
  Status status = Status::pending;
  std::string reason{};                // of a suspension
  std::optional<Status> resumes_to{};  // what a suspension by an admin, or a cancellation, interrupted
  Timestamp trial_ends_at{};
  std::string suspension{};  // an admin's reason, until an admin lifts it: whatever the status is meanwhile
};

struct Move {
  Status to;
  std::string reason;                  // the new status_reason
  std::optional<Status> resumes_to{};  // to remember
  std::string suspension{};            // likewise
  bool operator==(const Move&) const = default;
};

// nullopt: the trigger changes nothing here (late, repeated, or booked only). A
// suspension by an admin may take a payment: the move then keeps the status and
// changes what it resumes to. Cancelled and paid again, the tenant is suspended as before.
std::optional<Move> decide(const LifecycleState& state, Trigger trigger, std::string_view reason, Timestamp now);

// Access by status, checked on every tenant request before anything else.
struct Access {
  bool allowed = false;
  int http_status = 200;
  std::string_view code{};  // "trial_expired", ... : also the key of the localised message
};
Access access_of(const LifecycleState& state, Timestamp now);

}  // namespace tenantry::tenancy
