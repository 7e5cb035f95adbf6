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
  outbox.publish(change.tenant_id, event);
  signal_change(outbox, *tenant);
  return true;
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
