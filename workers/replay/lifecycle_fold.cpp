#include "workers/replay/lifecycle_fold.h"

#include <algorithm>
#include <set>

#include "events/proto_time.h"
#include "tenantry/events/v1/billing.pb.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tenantry/events/v1/tenant.pb.h"

namespace tenantry::replay {
namespace {

namespace v1 = tenantry::events::v1;
using tenancy::LifecycleState;
using tenancy::Status;
using tenancy::Trigger;

constexpr std::string_view types[] = {"signup.requested",     "tenant.registered",   "trial.started",
                                      "tenant.activated",     "tenant.suspended",    "tenant.cancelled",
                                      "tenant.deletion_due",  "plan.changed",        "payment.succeeded",
                                      "subscription.created", "subscription.updated"};

// One tenant's fold. `apply` is false for a fact that does not follow from the state at hand (yet).
struct Fold {
  LifecycleState state{};
  std::string plan;
  std::optional<Timestamp> trial_ends_at{};
  std::optional<Timestamp> cancelled_at{};
  std::optional<Timestamp> deletion_due_at{};

  bool move(Trigger trigger, std::string_view reason, Timestamp at, std::initializer_list<Status> to) {
    const auto decided = tenancy::decide(state, trigger, reason, at);
    if (!decided || std::ranges::find(to, decided->to) == to.end()) return false;
    state.status = decided->to;
    state.reason = decided->reason;
    state.resumes_to = decided->resumes_to;
    state.suspension = decided->suspension;
    return true;
  }

  template <class Message>
  bool from(const Message& message) const {
    return tenancy::status_from(message.from_status()) == state.status;
  }

  bool apply(const Recorded& recorded) {
    const auto& event = recorded.event;
    if (event.type == "signup.requested") return true;
    if (event.type == "tenant.registered") {
      const auto& message = event.as<v1::TenantRegistered>();
      plan = message.plan();
      trial_ends_at = events::from_proto(message.trial_ends_at());
      state.trial_ends_at = *trial_ends_at;
      return true;
    }
    if (event.type == "trial.started") return move(Trigger::provisioned, "", event.time, {Status::trial});
    if (event.type == "tenant.activated") return activated(event, event.as<v1::TenantActivated>());
    if (event.type == "tenant.suspended") return suspended(event, event.as<v1::TenantSuspended>());
    if (event.type == "tenant.cancelled") return cancelled(event, event.as<v1::TenantCancelled>());
    if (event.type == "tenant.deletion_due") {
      // Of an earlier cancellation: late, and changes nothing.
      if (cancelled_at != events::from_proto(event.as<v1::TenantDeletionDue>().cancelled_at())) return true;
      return move(Trigger::grace_over, "", event.time, {Status::deleted});
    }
    if (event.type == "trial.extended") {
      trial_ends_at = events::from_proto(event.as<v1::TrialExtended>().trial_ends_at());
      state.trial_ends_at = *trial_ends_at;
      return true;
    }
    if (event.type == "plan.changed") {
      const auto& message = event.as<v1::PlanChanged>();
      if (message.from_plan() != plan) return false;
      plan = message.to_plan();
      return true;
    }
    // A payment under a suspension by an admin tells nobody, but is remembered: lifted later, the tenant is active.
    if (state.status == Status::suspended && pays(event))
      static_cast<void>(move(Trigger::paid, "", event.time, {Status::suspended}));
    return true;
  }

  static bool pays(const events::Event& event) {
    if (event.type == "payment.succeeded") return true;
    if (event.type == "subscription.created") {
      return event.as<v1::SubscriptionCreated>().subscription().status() == "active";
    }
    return event.type == "subscription.updated" &&
           event.as<v1::SubscriptionUpdated>().subscription().status() == "active";
  }

  bool activated(const events::Event& event, const v1::TenantActivated& message) {
    if (!from(message)) return false;
    // The fact does not name its trigger, but says the trigger's name where it had no other reason.
    const auto named = message.reason();
    for (const auto trigger : {Trigger::paid, Trigger::reactivate, Trigger::resume, Trigger::extend_trial}) {
      if (named != tenancy::to_string(trigger)) continue;
      return move(trigger, "", event.time, {Status::active, Status::trial});
    }
    const bool by_admin = state.status == Status::suspended && event.actor.kind == "user";
    const auto order = by_admin ? std::vector{Trigger::reactivate, Trigger::paid, Trigger::resume}
                                : std::vector{Trigger::paid, Trigger::resume, Trigger::reactivate};
    return std::ranges::any_of(order, [&](Trigger trigger) {
      return move(trigger, named, event.time, {Status::active, Status::trial});
    });
  }

  bool suspended(const events::Event& event, const v1::TenantSuspended& message) {
    if (!from(message)) return false;
    const auto& reason = message.reason();
    const auto by = [&](Trigger trigger) { return move(trigger, reason, event.time, {Status::suspended}); };
    if (reason == tenancy::reason_trial_expired) return by(Trigger::trial_ended) || by(Trigger::reactivate);
    if (reason == tenancy::reason_payment_failed && by(Trigger::unpaid)) return true;
    if (reason == tenancy::reason_paused && by(Trigger::pause)) return true;
    // Cancelled and paid again: what an admin had suspended before.
    if (state.status == Status::cancelled) return by(Trigger::paid);
    return by(Trigger::suspend);
  }

  bool cancelled(const events::Event& event, const v1::TenantCancelled& message) {
    if (!from(message)) return false;
    if (!move(Trigger::cancel, message.reason(), event.time, {Status::cancelled})) return false;
    cancelled_at = event.time;
    deletion_due_at = events::from_proto(message.deletion_due_at());
    return true;
  }

  Lifecycle result() const {
    const bool ends = state.status == Status::cancelled || state.status == Status::deleted;
    return {.status = std::string(tenancy::to_string(state.status)),
            .reason = state.status == Status::suspended ? state.reason : "",
            .plan = plan,
            .trial_ends_at = trial_ends_at,
            .deletion_due_at = ends ? deletion_due_at : std::nullopt};
  }
};

std::string shown(const std::optional<Timestamp>& at) {
  return at ? to_rfc3339(*at) : "";
}

}  // namespace

void LifecycleFold::add(const Recorded& recorded) {
  if (std::ranges::find(types, recorded.event.type) == std::end(types)) return;
  facts_[recorded.event.tenant_id].push_back(recorded);
}

std::map<std::string, Lifecycle> LifecycleFold::finish(std::vector<Difference>& differences) {
  std::map<std::string, Lifecycle> out;
  for (auto& [tenant_id, facts] : facts_) {
    const bool registered =
        std::ranges::any_of(facts, [](const Recorded& fact) { return fact.event.type == "tenant.registered"; });
    if (!registered) continue;  // a signup that was rejected, or is still on its way
    std::ranges::stable_sort(facts, {}, [](const Recorded& fact) { return fact.event.time; });
    Fold fold;
    // Nothing precedes the registration, whatever the clocks said.
    std::ranges::stable_partition(facts, [](const Recorded& fact) { return fact.event.type == "tenant.registered"; });
    while (!facts.empty()) {
      const auto next = std::ranges::find_if(facts, [&](const Recorded& fact) { return fold.apply(fact); });
      if (next == facts.end()) break;
      facts.erase(next);
    }
    for (const auto& fact : facts) {
      differences.push_back({tenant_id, "transition", fact.event.type + " " + fact.event.id.to_string(),
                             "nothing that leads to it from " + std::string(tenancy::to_string(fold.state.status))});
    }
    out.emplace(tenant_id, fold.result());
  }
  return out;
}

std::vector<Difference> compare(const std::map<std::string, Lifecycle>& live,
                                const std::map<std::string, Lifecycle>& rebuilt) {
  std::vector<Difference> out;
  std::set<std::string> tenants;
  for (const auto* side : {&live, &rebuilt}) {
    for (const auto& [tenant_id, lifecycle] : *side) tenants.insert(tenant_id);
  }
  for (const auto& tenant_id : tenants) {
    const auto left = live.find(tenant_id);
    const auto right = rebuilt.find(tenant_id);
    if (left == live.end() || right == rebuilt.end()) {
      out.push_back({tenant_id, "tenant", left == live.end() ? "" : left->second.status,
                     right == rebuilt.end() ? "" : right->second.status});
      continue;
    }
    const auto& a = left->second;
    const auto& b = right->second;
    const auto differs = [&](const char* what, const std::string& x, const std::string& y) {
      if (x != y) out.push_back({tenant_id, what, x, y});
    };
    differs("status", a.status, b.status);
    if (a.status == b.status) differs("status_reason", a.reason, b.reason);
    differs("plan", a.plan, b.plan);
    differs("trial_ends_at", shown(a.trial_ends_at), shown(b.trial_ends_at));
    if (a.status == b.status) differs("deletion_due_at", shown(a.deletion_due_at), shown(b.deletion_due_at));
  }
  return out;
}

}  // namespace tenantry::replay
