#include "shared/tenancy/terms.h"

#include "events/proto_time.h"
#include "shared/db/connection.h"
#include "shared/messaging/outbox.h"
#include "shared/tenancy/tenants.h"
#include "tenantry/events/v1/platform.pb.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tenantry/events/v1/tenant.pb.h"

namespace tenantry::tenancy {
namespace {

namespace v1 = tenantry::events::v1;
using events::to_proto;

Error no_such_tenant() {
  return {.code = Errc::not_found, .reason = "tenant_not_found", .message = "no such tenant"};
}

void signal_change(messaging::Outbox& outbox, const Tenant& tenant) {
  v1::TenantChanged changed;
  changed.set_status(written(tenant.lifecycle.status));
  outbox.signal(tenant.tenant_id, changed);
}

constexpr std::string_view reason_free_plan = "free_plan";  // of a tenant that is active without a payment

std::string plan_timer(const std::string& tenant_id) {
  return tenant_id + "/plan";
}

bool may_change_plan(Status status) {
  return status == Status::trial || status == Status::active || status == Status::suspended;
}

struct Offer {
  int version = 0;
  std::int64_t price_minor = 0;
};
std::optional<Offer> find_offer(db::Transaction& tx, const std::string& plan) {
  const auto rows =
      tx.exec("SELECT version, price_minor FROM platform.plans WHERE plan = $1 ORDER BY version DESC LIMIT 1", {plan});
  if (rows.empty()) return std::nullopt;
  return Offer{static_cast<int>(rows[0].int64(0)), rows[0].int64(1)};
}

std::int64_t price_of(db::Transaction& tx, const std::string& plan, int version) {
  return tx.exec("SELECT price_minor FROM platform.plans WHERE plan = $1 AND version = $2", {plan, version})[0].int64(
      0);
}

// What is used beyond what the plan would allow: this month's of what a month limits; what is counted where it is, with
// what was promised of it.
std::vector<FieldError> exceeding(db::Transaction& tx, const std::string& tenant_id, const std::string& plan,
                                  int version, Timestamp now) {
  std::vector<FieldError> out;
  tx.set_tenant(tenant_id);
  for (const auto row : tx.exec(
           "SELECT l.name, l.value::text, trim_scale(u.used::numeric)::text FROM platform.limits_of($1, $2, $3, $4) l "
           "JOIN metering.metrics m ON m.limit_name = l.name CROSS JOIN LATERAL (SELECT coalesce("
           "(SELECT n.taken FROM platform.count_of($1, m.metric, $4) n), "
           "(SELECT c.quantity FROM metering.counters c WHERE c.tenant_id = $1 "
           "AND c.metric = m.metric AND c.span = CASE m.reset WHEN 'monthly' THEN 'month' ELSE 'total' END "
           "AND (m.reset <> 'monthly' OR c.window_start = $5) ORDER BY c.window_start DESC LIMIT 1), 0) AS used) u "
           "WHERE l.value >= 0 AND u.used > l.value ORDER BY l.name",
           {tenant_id, plan, version, now, floor_month(now)})) {
    out.push_back({"/plan", std::string(row.text(0)),
                   std::string(row.text(2)) + " are used, and " + plan + " allows " + std::string(row.text(1))});
  }
  return out;
}

// The end of what is paid for; empty where nothing is.
std::optional<Timestamp> paid_until(db::Transaction& tx, const std::string& tenant_id, Timestamp now) {
  return tx
      .exec(
          "SELECT max(current_period_end) FROM billing.stripe_subscriptions WHERE tenant_id = $1 AND status IN "
          "('active', 'past_due') AND current_period_end > $2",
          {tenant_id, now})[0]
      .optional_timestamp(0);
}

// Something is subscribed to, and nothing of it is owed.
bool is_subscribed(db::Transaction& tx, const std::string& tenant_id) {
  return tx
      .exec(
          "SELECT EXISTS (SELECT FROM billing.stripe_subscriptions WHERE tenant_id = $1 AND status IN "
          "('active', 'trialing'))",
          {tenant_id})[0]
      .boolean(0);
}

void tell_withdrawn(messaging::Outbox& outbox, const std::string& tenant_id, const std::string& plan,
                    const std::string& reason, const std::vector<FieldError>& exceeded = {}) {
  v1::PlanChangeWithdrawn event;
  event.set_to_plan(plan);
  event.set_reason(reason);
  for (const auto& limit : exceeded) event.add_exceeded(limit.code);
  outbox.publish(tenant_id, event);
}

std::optional<PendingPlan> take_pending_plan(db::Transaction& tx, const std::string& tenant_id) {
  const auto pending = find_pending_plan(tx, tenant_id);
  if (pending) tx.send("DELETE FROM billing.plan_changes WHERE tenant_id = $1", {tenant_id});
  return pending;
}

Result<PlanOutcome> schedule_plan(db::Transaction& tx, messaging::Outbox& outbox, const PlanWish& wish,
                                  const Tenant& tenant, int version, Timestamp due_at) {
  if (const auto pending = take_pending_plan(tx, wish.tenant_id)) {
    tell_withdrawn(outbox, wish.tenant_id, pending->plan, "another_plan");
  }
  tx.send(
      "INSERT INTO billing.plan_changes (tenant_id, plan, plan_version, due_at, asked_at, asked_by) "
      "VALUES ($1, $2, $3, $4, $5, $6)",
      {wish.tenant_id, wish.plan, version, due_at, outbox.now(), wish.asked_by});
  v1::PlanChangeScheduled event;
  event.set_from_plan(tenant.plan);
  event.set_to_plan(wish.plan);
  *event.mutable_due_at() = to_proto(due_at);
  event.set_asked_by(wish.asked_by);
  event.set_reason(wish.reason);
  outbox.publish(wish.tenant_id, event);
  v1::PlanChangeDue due;
  due.set_to_plan(wish.plan);
  *due.mutable_due_at() = to_proto(due_at);
  outbox.schedule(plan_timer(wish.tenant_id), due_at, wish.tenant_id, due);
  return PlanOutcome{wish.plan, due_at, true};
}

bool has_lapsed(const LifecycleState& state) {
  return state.status == Status::suspended && state.suspension.empty() && state.reason == reason_trial_expired;
}

}  // namespace

Result<bool> change_plan(db::Transaction& tx, messaging::Outbox& outbox, const PlanChange& change, Timestamp now) {
  const auto tenant = lock_tenant(tx, change.tenant_id);
  if (!tenant) return no_such_tenant();
  if (tenant->lifecycle.status == Status::deleted || tenant->plan == change.plan) return false;
  tx.send("UPDATE platform.tenants SET plan = $2, plan_version = $3, updated_at = $4 WHERE tenant_id = $1",
          {change.tenant_id, change.plan, change.version, now});
  v1::PlanChanged event;
  event.set_from_plan(tenant->plan);
  event.set_to_plan(change.plan);
  event.set_reason(change.reason);
  event.set_to_version(change.version);
  if (!change.because.rule.empty()) *event.mutable_because() = to_proto(change.because);
  outbox.publish(change.tenant_id, event);
  signal_change(outbox, *tenant);
  if (tenant->lifecycle.status == Status::suspended && price_of(tx, change.plan, change.version) == 0) {
    const auto moved = transition(
        tx, outbox, {.tenant_id = change.tenant_id, .trigger = Trigger::paid, .reason = std::string(reason_free_plan)},
        now);
    if (!moved) return moved.error();
  }
  return true;
}

std::optional<PendingPlan> find_pending_plan(db::Transaction& tx, std::string_view tenant_id) {
  const auto rows = tx.exec(
      "SELECT plan, plan_version, due_at, asked_by FROM billing.plan_changes WHERE tenant_id = $1", {tenant_id});
  if (rows.empty()) return std::nullopt;
  return PendingPlan{std::string(rows[0].text(0)), static_cast<int>(rows[0].int64(1)), rows[0].timestamp(2),
                     std::string(rows[0].text(3))};
}

Result<PlanOutcome> choose_plan(db::Transaction& tx, messaging::Outbox& outbox, const PlanWish& wish) {
  const auto tenant = lock_tenant(tx, wish.tenant_id);
  if (!tenant) return no_such_tenant();
  if (!may_change_plan(tenant->lifecycle.status)) {
    return Error{.code = Errc::conflict,
                 .reason = "plan_not_changeable",
                 .message = "the plan cannot be changed while the tenant is " + written(tenant->lifecycle.status)};
  }
  tx.set_tenant(wish.tenant_id);
  if (wish.plan == tenant->plan) {
    const auto withdrawn = withdraw_pending_plan(tx, outbox, wish.tenant_id, wish.asked_by);
    if (!withdrawn) return withdrawn.error();
    return PlanOutcome{.plan = wish.plan, .changed = *withdrawn};
  }
  const auto offer = find_offer(tx, wish.plan);
  if (!offer) return Error::invalid("/plan", "unknown_plan", "no plan is called " + wish.plan);
  const auto now = outbox.now();
  // A plan that costs nothing is left by paying, however the tenant came to it: nothing would suspend it for want of a
  // payment that nobody asked for.
  const auto price_now = price_of(tx, tenant->plan, tenant->plan_version);
  if (wish.asked_by == "tenant" && price_now == 0 && offer->price_minor > 0 &&
      tenant->lifecycle.status != Status::trial && !is_subscribed(tx, wish.tenant_id)) {
    return Error{.code = Errc::conflict,
                 .reason = "subscription_needed",
                 .message = "subscribe to the plan first: it follows what is paid for"};
  }
  if (offer->price_minor < price_now) {
    auto exceeded = exceeding(tx, wish.tenant_id, wish.plan, offer->version, now);
    if (!exceeded.empty()) {
      return Error{.code = Errc::conflict,
                   .reason = "plan_exceeded",
                   .message = "what is used does not fit " + wish.plan,
                   .fields = std::move(exceeded)};
    }
    const auto until = wish.at_once ? std::nullopt : paid_until(tx, wish.tenant_id, now);
    const auto pending = find_pending_plan(tx, wish.tenant_id);
    if (until && pending && pending->plan == wish.plan) return PlanOutcome{wish.plan, pending->due_at, false};
    if (until) return schedule_plan(tx, outbox, wish, *tenant, offer->version, *until);
  }
  if (const auto pending = take_pending_plan(tx, wish.tenant_id)) {
    outbox.cancel(plan_timer(wish.tenant_id));
    if (pending->plan != wish.plan) tell_withdrawn(outbox, wish.tenant_id, pending->plan, "another_plan");
  }
  const auto reason = "asked_by_" + wish.asked_by + (wish.reason.empty() ? "" : ": " + wish.reason);
  const auto changed = change_plan(
      tx, outbox, {.tenant_id = wish.tenant_id, .plan = wish.plan, .version = offer->version, .reason = reason}, now);
  if (!changed) return changed.error();
  return PlanOutcome{.plan = wish.plan, .changed = *changed};
}

Result<bool> withdraw_pending_plan(db::Transaction& tx, messaging::Outbox& outbox, const std::string& tenant_id,
                                   const std::string& reason) {
  const auto pending = take_pending_plan(tx, tenant_id);
  if (!pending) return false;
  outbox.cancel(plan_timer(tenant_id));
  tell_withdrawn(outbox, tenant_id, pending->plan, reason);
  return true;
}

Result<bool> apply_pending_plan(db::Transaction& tx, messaging::Outbox& outbox, const std::string& tenant_id,
                                const std::string& plan, Timestamp due_at) {
  if (!lock_tenant(tx, tenant_id)) return no_such_tenant();
  const auto pending = find_pending_plan(tx, tenant_id);
  if (!pending || pending->plan != plan || pending->due_at != due_at) return false;
  const auto exceeded = exceeding(tx, tenant_id, pending->plan, pending->version, outbox.now());
  take_pending_plan(tx, tenant_id);
  if (!exceeded.empty()) {
    tell_withdrawn(outbox, tenant_id, pending->plan, "exceeded", exceeded);
    return false;
  }
  return change_plan(tx, outbox,
                     {.tenant_id = tenant_id,
                      .plan = pending->plan,
                      .version = pending->version,
                      .reason = "asked_by_" + pending->asked_by},
                     outbox.now());
}

Result<bool> move_trial_end(db::Transaction& tx, messaging::Outbox& outbox, const std::string& tenant_id,
                            Timestamp ends_at, Timestamp now, const LifecyclePolicy& policy) {
  const auto tenant = lock_tenant(tx, tenant_id);
  if (!tenant) return no_such_tenant();
  const auto& state = tenant->lifecycle;
  const bool lapsed = has_lapsed(state);
  if (state.status != Status::trial && !(lapsed && ends_at > now)) return false;
  if (state.trial_ends_at == ends_at) return false;
  tx.send("UPDATE platform.tenants SET trial_ends_at = $2, updated_at = $3 WHERE tenant_id = $1",
          {tenant_id, ends_at, now});
  v1::TrialExtended event;
  *event.mutable_trial_ends_at() = to_proto(ends_at);
  *event.mutable_ended_at_before() = to_proto(state.trial_ends_at);
  outbox.publish(tenant_id, event);
  if (lapsed) {
    const auto moved = transition(tx, outbox, {.tenant_id = tenant_id, .trigger = Trigger::extend_trial}, now, policy);
    if (!moved) return moved.error();
  }
  set_trial_timers(outbox, tenant_id, ends_at, policy);
  signal_change(outbox, *tenant);
  return true;
}

void set_trial_timers(messaging::Outbox& outbox, const std::string& tenant_id, Timestamp ends_at,
                      const LifecyclePolicy& policy) {
  v1::TrialEnding ending;
  *ending.mutable_trial_ends_at() = to_proto(ends_at);
  outbox.schedule(tenant_id + "/trial.ending", ends_at - policy.trial_reminder, tenant_id, ending);
  v1::TrialEnded ended;
  *ended.mutable_trial_ends_at() = to_proto(ends_at);
  outbox.schedule(tenant_id + "/trial.ended", ends_at, tenant_id, ended);
}

}  // namespace tenantry::tenancy
