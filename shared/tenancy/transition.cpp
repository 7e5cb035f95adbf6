#include "shared/tenancy/transition.h"

#include "events/proto_time.h"
#include "shared/core/rare.h"
#include "shared/db/connection.h"
#include "shared/messaging/outbox.h"
#include "shared/tenancy/tenants.h"
#include "shared/tenancy/terms.h"
#include "tenantry/events/v1/platform.pb.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tenantry/events/v1/tenant.pb.h"

namespace tenantry::tenancy {
namespace {

namespace v1 = tenantry::events::v1;
using events::to_proto;

std::string timer(const std::string& tenant_id, const char* name) {
  return tenant_id + "/" + name;
}

// An admin's words stay with an admin's suspension, whoever moves the tenant meanwhile.
const std::string& note_of(const Tenant& tenant, const Move& move, const TransitionRequest& request) {
  const bool same =
      move.to == Status::suspended && !move.suspension.empty() && tenant.lifecycle.suspension == move.suspension;
  return same ? tenant.suspension_note : request.note;
}

Days grace_of(db::Transaction& tx, const Tenant& tenant, const LifecyclePolicy& policy) {
  const auto rows = tx.exec("SELECT (platform.dunning_of($1, $2, $3) ->> 'grace_days')::bigint",
                            {tenant.tenant_id, tenant.plan, std::int64_t{tenant.plan_version}});
  return rows[0].is_null(0) ? policy.grace : Days{rows[0].int64(0)};
}

void publish_event(messaging::Outbox& outbox, const Tenant& tenant, const Move& move, const TransitionRequest& request,
                   std::optional<Timestamp> deletion_due_at) {
  const std::string from = written(tenant.lifecycle.status);
  switch (move.to) {
    case Status::trial:
      if (tenant.lifecycle.status == Status::pending) return;  // the signup worker says trial.started, with its owner
      [[fallthrough]];
    case Status::active: {
      v1::TenantActivated event;
      event.set_reason(request.reason.empty() ? std::string(to_string(request.trigger)) : request.reason);
      event.set_from_status(from);
      event.set_note(request.note);
      if (!request.because.rule.empty()) *event.mutable_because() = to_proto(request.because);
      outbox.publish(tenant.tenant_id, event);
      return;
    }
    case Status::suspended: {
      v1::TenantSuspended event;
      event.set_reason(move.reason);
      event.set_from_status(from);
      event.set_note(note_of(tenant, move, request));
      if (!request.because.rule.empty()) *event.mutable_because() = to_proto(request.because);
      outbox.publish(tenant.tenant_id, event);
      return;
    }
    case Status::cancelled: {
      v1::TenantCancelled event;
      event.set_reason(move.reason.empty() ? "requested" : move.reason);
      event.set_from_status(from);
      event.set_note(request.note);
      *event.mutable_deletion_due_at() = to_proto(*deletion_due_at);
      if (!request.because.rule.empty()) *event.mutable_because() = to_proto(request.because);
      outbox.publish(tenant.tenant_id, event);
      return;
    }
    case Status::pending:
    case Status::deleted:  // tenant.deletion_due said so; tenant.deleted follows when all is released
      return;
  }
}

void set_timers(messaging::Outbox& outbox, const Tenant& tenant, Status to, std::optional<Timestamp> deletion_due_at,
                Timestamp now, const LifecyclePolicy& policy) {
  const std::string& id = tenant.tenant_id;
  if (to == Status::trial && tenant.lifecycle.status == Status::pending) {
    set_trial_timers(outbox, id, tenant.lifecycle.trial_ends_at, policy);
  }
  if (to == Status::active || to == Status::cancelled) {
    outbox.cancel(timer(id, "trial.ending"));
    outbox.cancel(timer(id, "trial.ended"));
  }
  if (to == Status::cancelled) {
    v1::TenantDeletionDue due;
    *due.mutable_cancelled_at() = to_proto(now);
    outbox.schedule(timer(id, "deletion_due"), *deletion_due_at, id, due);
  } else if (tenant.lifecycle.status == Status::cancelled) {
    outbox.cancel(timer(id, "deletion_due"));
  }
}

}  // namespace

Result<Transition> transition(db::Transaction& tx, messaging::Outbox& outbox, const TransitionRequest& request,
                              Timestamp now, const LifecyclePolicy& policy) {
  if (request.trigger == Trigger::suspend && is_own_reason(request.reason)) {
    return Error::invalid("/reason", "reserved", "must be another than trial_expired, payment_failed and paused");
  }
  const auto tenant = lock_tenant(tx, request.tenant_id);
  if (!tenant) return Error{.code = Errc::not_found, .reason = "tenant_not_found", .message = "no such tenant"};
  const auto& before = tenant->lifecycle;
  const auto move = decide(before, request.trigger, request.reason, now);
  if (!move) {
    if (rare::is(rare::Mutant::event_without_transition)) {
      publish_event(outbox, *tenant, {.to = before.status, .reason = before.reason}, request, now);
    }
    return Transition{before.status, before.status, false};
  }

  const bool status_changes = move->to != before.status || move->reason != before.reason;
  std::optional<Timestamp> deletion_due_at;
  if (move->to == Status::cancelled) deletion_due_at = now + grace_of(tx, *tenant, policy);
  if (move->to == Status::deleted) deletion_due_at = tenant->deletion_due_at;
  const std::string suspension_note = move->suspension.empty()    ? ""
                                      : before.suspension.empty() ? request.note
                                                                  : tenant->suspension_note;
  const std::string resumes_to = move->resumes_to ? std::string(to_string(*move->resumes_to)) : "";
  tx.send(
      "UPDATE platform.tenants SET status = $2, status_reason = $3, status_note = $4, resumes_to = nullif($5, ''), "
      "status_since = CASE WHEN $6 THEN $7 ELSE status_since END, deletion_due_at = $8, updated_at = $7, "
      "vhost_ready = vhost_ready AND $2 <> 'deleted', suspension = $9, suspension_note = $10 WHERE tenant_id = $1",
      {request.tenant_id, to_string(move->to), move->reason, note_of(*tenant, *move, request), resumes_to,
       status_changes, now, deletion_due_at, move->suspension, suspension_note});
  if (!status_changes) return Transition{before.status, move->to, false};

  tx.send(
      "INSERT INTO platform.lifecycle_history (tenant_id, event_id, from_status, to_status, trigger, reason, at) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {request.tenant_id, outbox.transition_id(request.tenant_id, to_string(move->to)), to_string(before.status),
       to_string(move->to), to_string(request.trigger), move->reason, now});
  publish_event(outbox, *tenant, *move, request, deletion_due_at);
  set_timers(outbox, *tenant, move->to, deletion_due_at, now, policy);
  v1::TenantChanged changed;
  changed.set_status(written(move->to));
  outbox.signal(request.tenant_id, changed);
  return Transition{before.status, move->to, true};
}

}  // namespace tenantry::tenancy
