#include "shared/tenancy/lifecycle.h"

#include <algorithm>
#include <array>

namespace tenantry::tenancy {
namespace {

constexpr std::array<std::string_view, 6> status_names = {"pending",   "trial",     "active",
                                                          "suspended", "cancelled", "deleted"};
constexpr std::array<std::string_view, 11> trigger_names = {"provisioned", "paid",   "trial_ended", "extend_trial",
                                                            "unpaid",      "pause",  "suspend",     "reactivate",
                                                            "resume",      "cancel", "grace_over"};

std::optional<Move> move(Status to, std::string_view reason, std::optional<Status> resumes_to = std::nullopt) {
  return Move{to, std::string(reason), resumes_to};
}

// By an admin, for `reason`.
std::optional<Move> suspended(std::string_view reason, Status resumes_to) {
  return Move{Status::suspended, std::string(reason), resumes_to, std::string(reason)};
}

std::optional<Move> from_trial(Trigger trigger, std::string_view reason) {
  switch (trigger) {
    case Trigger::paid:
      return move(Status::active, reason);
    case Trigger::trial_ended:
      return move(Status::suspended, reason_trial_expired);
    case Trigger::pause:
      return move(Status::suspended, reason_paused);
    case Trigger::suspend:
      return suspended(reason, Status::trial);
    case Trigger::cancel:
      return move(Status::cancelled, reason, Status::trial);
    default:
      return std::nullopt;
  }
}

std::optional<Move> from_active(Trigger trigger, std::string_view reason) {
  switch (trigger) {
    case Trigger::unpaid:
      return move(Status::suspended, reason_payment_failed);
    case Trigger::pause:
      return move(Status::suspended, reason_paused);
    case Trigger::suspend:
      return suspended(reason, Status::active);
    case Trigger::cancel:
      return move(Status::cancelled, reason, Status::active);
    default:
      return std::nullopt;
  }
}

std::optional<Move> from_suspended(const LifecycleState& state, Trigger trigger, std::string_view reason,
                                   Timestamp now) {
  switch (trigger) {
    case Trigger::paid:
      if (state.suspension.empty()) return move(Status::active, reason);
      // An admin's suspension survives a payment; lifted later, the tenant goes on as a paying one.
      if (state.resumes_to == Status::active) return std::nullopt;
      return suspended(state.suspension, Status::active);
    case Trigger::extend_trial:
      if (!state.suspension.empty() || state.reason != reason_trial_expired) return std::nullopt;
      return move(Status::trial, "");
    case Trigger::suspend:
      // From now on only an admin lifts it.
      if (!state.suspension.empty()) return std::nullopt;
      return suspended(reason, Status::suspended);
    case Trigger::reactivate:
      if (state.resumes_to == Status::trial && now < state.trial_ends_at) return move(Status::trial, "");
      if (state.resumes_to == Status::trial) return move(Status::suspended, reason_trial_expired);
      return move(Status::active, reason);
    case Trigger::cancel:
      return Move{Status::cancelled, std::string(reason), Status::suspended, state.suspension};
    default:
      return std::nullopt;
  }
}

std::optional<Move> from_cancelled(const LifecycleState& state, Trigger trigger, std::string_view reason) {
  switch (trigger) {
    case Trigger::paid:
      if (!state.suspension.empty()) return suspended(state.suspension, Status::active);
      return move(Status::active, reason);
    case Trigger::resume:
      if (state.resumes_to == Status::active) return move(Status::active, reason);
      return std::nullopt;
    case Trigger::grace_over:
      return move(Status::deleted, "");
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string_view to_string(Status status) {
  return status_names[static_cast<std::size_t>(status)];
}

std::string written(Status status) {
  std::string name(to_string(status));
  std::ranges::transform(name, name.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
  return name;
}

std::optional<Status> status_from(std::string_view text) {
  for (const auto status : all_statuses) {
    if (to_string(status) == text || written(status) == text) return status;
  }
  return std::nullopt;
}

std::string_view to_string(Trigger trigger) {
  return trigger_names[static_cast<std::size_t>(trigger)];
}

bool is_own_reason(std::string_view reason) {
  return reason == reason_trial_expired || reason == reason_payment_failed || reason == reason_paused;
}

std::optional<Move> decide(const LifecycleState& state, Trigger trigger, std::string_view reason, Timestamp now) {
  switch (state.status) {
    case Status::pending:
      return trigger == Trigger::provisioned ? move(Status::trial, "") : std::nullopt;
    case Status::trial:
      return from_trial(trigger, reason);
    case Status::active:
      return from_active(trigger, reason);
    case Status::suspended:
      return from_suspended(state, trigger, reason, now);
    case Status::cancelled:
      return from_cancelled(state, trigger, reason);
    case Status::deleted:
      return std::nullopt;
  }
  TENANTRY_ASSERT(false && "Status is exhaustive");
}

Access access_of(const LifecycleState& state, Timestamp now) {
  switch (state.status) {
    case Status::pending:
      return {false, 403, "tenant_pending"};
    case Status::trial:
      if (now >= state.trial_ends_at) return {false, 402, "trial_expired"};
      return {true};
    case Status::active:
      return {true};
    case Status::suspended:
      return {false, 402, "payment_required"};
    case Status::cancelled:
      return {false, 403, "account_cancelled"};
    case Status::deleted:
      return {false, 404, "tenant_not_found"};
  }
  TENANTRY_ASSERT(false && "Status is exhaustive");
}

}  // namespace tenantry::tenancy
