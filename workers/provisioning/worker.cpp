#include "workers/provisioning/worker.h"

#include <algorithm>
#include <chrono>

#include "events/proto_time.h"
#include "shared/broker_admin/broker_admin.h"
#include "shared/db/connection.h"
#include "shared/db/run.h"
#include "shared/telemetry/log.h"
#include "shared/tenancy/tenants.h"
#include "shared/tenancy/transition.h"
#include "tenantry/events/v1/platform.pb.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "workers/provisioning/applications.h"
#include "workers/provisioning/saga.h"
#include "workers/provisioning/steps/standard.h"
#include "workers/provisioning/store.h"

namespace tenantry::provisioning {
namespace {

namespace v1 = events::v1;
using messaging::Unit;
using tenancy::Status;

class ProvisioningWorker final : public messaging::Worker {
 public:
  ProvisioningWorker(const ProvisioningConfig& config, ConnectBroker connect, std::shared_ptr<const Registry> registry,
                     const messaging::LaneContext& context)
      : clock_(context.clock),
        registry_(std::move(registry)),
        tools_(config, std::move(connect), context.connection, context.clock) {}

  std::span<const messaging::ConsumerRow> consumes() const override { return rows_; }

 private:
  // What a run of steps came to: told by the handler, beside the steps that are on record as done.
  struct Run {
    int total = 0;
    const Step* failed = nullptr;
    std::optional<Error> error;
    bool stale = false;  // no such saga is running
    bool waits() const { return failed && failed->waits; }
  };

  static std::string timer(const std::string& tenant_id, std::string_view saga) {
    return tenant_id + "/saga/" + std::string(saga);
  }

  std::vector<std::string> names_of(std::string_view saga) const {
    std::vector<std::string> names;
    for (const auto* step : registry_->steps_of(saga)) names.push_back(step->name);
    return names;
  }

  // The last events of a tenant's queues, and of those for what expired there: derived from what started the release,
  // so they are the same however often made.
  static events::Event marker_of(const std::string& tenant_id, const SagaRow& saga) {
    return marker_after(saga.cause_id, tenant_id, saga);
  }
  static events::Event expired_marker_of(const std::string& tenant_id, const SagaRow& saga) {
    return marker_after(marker_of(tenant_id, saga).id, tenant_id, saga);
  }
  static events::Event marker_after(const Uuid& cause_id, const std::string& tenant_id, const SagaRow& saga) {
    events::Event cause;
    cause.id = cause_id;
    v1::TenantStreamClosed closed;
    *closed.mutable_deleted_at() = events::to_proto(saga.started_at);
    return events::make_event(tenant_id, closed,
                              {.source = "/tenantry/provisioning",
                               .actor = events::Actor::service("provisioning"),
                               .cause = &cause,
                               .time = saga.started_at},
                              Uuid{});
  }

  Result<void> start(Unit& unit, const events::Event& event, const char* saga) {
    start_saga(unit.tx, event.tenant_id, saga, names_of(saga), event.id, unit.now);
    v1::ProvisioningStepDue due;
    due.set_saga(saga);
    unit.outbox.publish(event.tenant_id, due);
    return {};
  }

  Result<void> registered(Unit& unit, const events::Event& event, const v1::TenantRegistered&) {
    return start(unit, event, "provision");
  }

  Result<void> requested(Unit& unit, const events::Event& event, const v1::ProvisioningRequested&) {
    const auto tenant = tenancy::lock_tenant(unit.tx, event.tenant_id);
    if (!tenant || tenant->lifecycle.status == Status::deleted) return {};
    if (tenant->vhost_ready) return start(unit, event, "reconcile");
    const auto saga = find_saga(unit.tx, event.tenant_id, "provision");
    const bool may = tenant->lifecycle.status == Status::pending && (!saga || saga->state == "failed");
    return may ? start(unit, event, "provision") : Result<void>{};
  }

  // ---- a run of steps ----------------------------------------------------------------------------------------

  struct Loaded {
    std::optional<SagaRow> saga;
    std::vector<StepRow> steps;
  };
  Result<Loaded> load(const std::string& tenant_id, const std::string& saga) {
    Loaded loaded;
    const auto done = tools_.in_transaction([&](db::Transaction& tx) -> Result<void> {
      loaded.saga = find_saga(tx, tenant_id, saga);
      if (!loaded.saga || loaded.saga->state != "running") return {};
      const auto names = names_of(saga);
      loaded.steps = load_steps(tx, tenant_id, saga);
      if (std::ranges::equal(loaded.steps, names, {}, &StepRow::step)) return {};
      align_steps(tx, tenant_id, saga, names, clock_.now());
      loaded.steps = load_steps(tx, tenant_id, saga);
      return {};
    });
    if (!done) return done.error();
    return loaded;
  }

  // Its state afterwards: "done", or "kept" where it was there.
  Result<std::string> take(const Step& step, std::string_view saga, const Target& target) {
    if (auto connected = tools_.connect(); !connected) return connected.error();
    if (saga == "reconcile" && step.verify) {
      const auto there = step.verify(tools_, target);
      if (!there) return there.error();
      if (*there) return std::string("kept");
    }
    const bool takes_back = saga == "release" && step.remove;
    if (auto taken = takes_back ? step.remove(tools_, target) : step.ensure(tools_, target); !taken) {
      return taken.error();
    }
    return std::string("done");
  }

  Result<Run> run_steps(const events::Event& event, const v1::ProvisioningStepDue& due) {
    Run run;
    const auto& tenant_id = event.tenant_id;
    const auto loaded = load(tenant_id, due.saga());
    if (!loaded) return loaded.error();
    if (!loaded->saga || loaded->saga->state != "running") {
      run.stale = true;
      return run;
    }
    const auto& saga = *loaded->saga;
    const Target target{tenant_id,
                        {.queues = marker_of(tenant_id, saga).id, .expired = expired_marker_of(tenant_id, saga).id}};
    run.total = static_cast<int>(registry_->steps_of(due.saga()).size());
    for (const auto& row : loaded->steps) {
      if (row.done()) continue;
      const auto* step = registry_->find(due.saga(), row.step);
      if (!step) {
        log::warn("a step that this version does not know is passed over",
                  {{"tenant_id", tenant_id}, {"saga", due.saga()}, {"step", row.step}});
        continue;
      }
      const auto began = std::chrono::steady_clock::now();
      const auto taken = take(*step, due.saga(), target);
      const auto took = std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - began);
      const auto marked = tools_.in_transaction([&](db::Transaction& tx) -> Result<void> {
        mark_step(tx, tenant_id, due.saga(), step->name, taken ? *taken : "pending",
                  taken ? "" : taken.error().describe(), took, clock_.now());
        return {};
      });
      if (!marked) return marked.error();
      if (!taken) {
        run.failed = step;
        run.error = taken.error();
        break;
      }
    }
    if (run.error && after_run(due.saga(), run.error, run.waits(), due.attempt(), policy_).next == Next::give_up) {
      const auto undone = compensate(target);
      if (undone) return run;
      if (undone.error().reason == "database_unavailable") return undone.error();
      // The broker that made us give up is away for this, too. An admin must see the tenant all the same; what may
      // still exist is on record in provisioning.resources, and the next try goes over it.
      log::error("what a failed provisioning made could not be taken back",
                 {{"tenant_id", tenant_id}, {"error", undone.error().describe()}});
    }
    return run;
  }

  // Takes back what was made, last first.
  Result<void> compensate(const Target& target) {
    if (auto connected = tools_.connect(); !connected) return connected.error();
    const auto steps = registry_->steps_of("provision");
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
      if (!(*step)->remove) continue;
      if (auto removed = (*step)->remove(tools_, target); !removed) return removed.error();
    }
    return tools_.in_transaction([&](db::Transaction& tx) -> Result<void> {
      for (const auto* step : steps) {
        mark_step(tx, target.tenant_id, "provision", step->name, "removed", "", Milliseconds{0}, clock_.now());
      }
      return {};
    });
  }

  static bool ended(const std::vector<DoneStep>& done, std::string_view step) {
    return std::ranges::find(done, step, &DoneStep::step) != done.end();
  }

  Result<void> tell_run(Unit& unit, const events::Event& event, const v1::ProvisioningStepDue& due, const Run& run) {
    const auto& tenant_id = event.tenant_id;
    // A deletion may have ended a reconciliation while its steps ran.
    const auto saga = find_saga(unit.tx, tenant_id, due.saga());
    if (run.stale || !saga || saga->state != "running") return {};
    const auto steps_done = take_untold_steps(unit.tx, tenant_id, due.saga());
    for (const auto& done : steps_done) {
      v1::ProvisioningStepCompleted completed;
      completed.set_saga(due.saga());
      completed.set_step(done.step);
      completed.set_position(done.position);
      completed.set_total(run.total);
      completed.set_duration_ms(done.duration.count());
      unit.outbox.publish(tenant_id, completed);
    }
    const auto outcome = after_run(due.saga(), run.error, run.waits(), due.attempt(), policy_);
    switch (outcome.next) {
      case Next::finished:
        if (due.saga() == "provision") return provisioned(unit, tenant_id, *saga);
        return due.saga() == "release" ? released(unit, tenant_id) : reconciled(unit, tenant_id);
      case Next::retry: {
        if (run.waits()) {
          tell_end(unit, tenant_id, *saga, due, run, steps_done);
        } else {
          log::warn("a provisioning step failed and will be retried",
                    {{"tenant_id", tenant_id}, {"step", run.failed->name}, {"error", run.error->describe()}});
        }
        mark_saga(unit.tx, tenant_id, due.saga(), "running", due.attempt() + 1, run.error->describe(), unit.now);
        v1::ProvisioningStepDue again;
        again.set_saga(due.saga());
        again.set_attempt(due.attempt() + 1);
        unit.outbox.schedule(timer(tenant_id, due.saga()), unit.now + outcome.retry_in, tenant_id, again);
        return {};
      }
      case Next::give_up: {
        mark_saga(unit.tx, tenant_id, due.saga(), "failed", due.attempt() + 1, run.error->describe(), unit.now);
        mark_failed(unit.tx, tenant_id, unit.now);
        v1::TenantProvisioningFailed failed;
        failed.set_step(run.failed->name);
        failed.set_error(run.error->describe());
        failed.set_attempts(due.attempt() + 1);
        unit.outbox.publish(tenant_id, failed);
        return {};
      }
    }
    TENANTRY_ASSERT(false && "Next is exhaustive");
  }

  // What is waited for next comes to its end by an event of its own; again at times, should it have got lost.
  void tell_end(Unit& unit, const std::string& tenant_id, const SagaRow& saga, const v1::ProvisioningStepDue& due,
                const Run& run, const std::vector<DoneStep>& steps_done) {
    const bool again = due.attempt() % policy_.marker_every == 0;
    if (run.failed->name == drain_step && (again || ended(steps_done, close_step))) {
      unit.outbox.publish_last(marker_of(tenant_id, saga));
    }
    if (run.failed->name == drain_expired_step && (again || ended(steps_done, drain_step))) {
      for (const auto worker : events::workers_of_applications()) {
        unit.outbox.publish_last_to(events::expired_queue_of(tenant_id, worker), expired_marker_of(tenant_id, saga));
      }
    }
  }

  Result<void> provisioned(Unit& unit, const std::string& tenant_id, const SagaRow& saga) {
    mark_saga(unit.tx, tenant_id, "provision", "done", 0, "", unit.now);
    mark_provisioned(unit.tx, tenant_id, unit.now);
    v1::TenantChanged changed;  // before the event itself: whoever hears it attaches and finds the event waiting
    changed.set_vhost_ready(true);
    unit.outbox.signal(tenant_id, changed);
    v1::TenantProvisioned event;
    event.set_isolation_mode("pool");
    event.set_duration_ms(std::chrono::duration_cast<Milliseconds>(unit.now - saga.started_at).count());
    unit.outbox.publish(tenant_id, event);
    return {};
  }

  Result<void> released(Unit& unit, const std::string& tenant_id) {
    mark_saga(unit.tx, tenant_id, "release", "done", 0, "", unit.now);
    mark_released(unit.tx, tenant_id, unit.now);
    v1::TenantDeleted deleted;
    for (const auto* step : registry_->steps_of("release")) {
      if (step->remove) deleted.add_released(step->name);
    }
    unit.outbox.publish(tenant_id, deleted);
    return {};
  }

  Result<void> reconciled(Unit& unit, const std::string& tenant_id) {
    mark_saga(unit.tx, tenant_id, "reconcile", "done", 0, "", unit.now);
    v1::ProvisioningReconciled reconciled;
    for (const auto& row : load_steps(unit.tx, tenant_id, "reconcile")) {
      const auto* step = registry_->find("reconcile", row.step);
      if (step && step->verify && row.state == "done") reconciled.add_made(row.step);
    }
    unit.outbox.publish(tenant_id, reconciled);
    return {};
  }

  // ---- limits, freezing and the end --------------------------------------------------------------------------

  // By the tenant's status now and not by the event: a late retry of a suspension must not freeze one that has paid.
  using Lock = std::optional<v1::TenantAccessChanged>;
  Result<Lock> apply_limits(const std::string& tenant_id) {
    std::optional<tenancy::Tenant> tenant;
    const auto loaded = tools_.in_transaction([&](db::Transaction& tx) -> Result<void> {
      tenant = tenancy::find_tenant(tx, tenant_id);
      return {};
    });
    if (!loaded) return loaded.error();
    if (!tenant || !tenant->vhost_ready) return Lock{};
    const auto status = tenant->lifecycle.status;
    v1::TenantAccessChanged changed;
    changed.set_locked(is_frozen(status));
    changed.set_status(tenancy::written(status));
    if (auto set = set_frozen(tools_, tenant_id, changed.locked()); !set) return set.error();
    return Lock{changed};
  }

  template <class M>
  Result<Lock> limit(const events::Event& event, const M&) {
    return apply_limits(event.tenant_id);
  }
  template <class M>
  Result<void> limited(Unit& unit, const events::Event& event, const M& message, const Lock& lock) {
    // A plan gives more or less, and locks nobody out.
    if constexpr (requires { message.from_status(); }) {
      const auto before = tenancy::status_from(message.from_status());
      if (lock && (!before || is_frozen(*before) != lock->locked())) unit.outbox.publish(event.tenant_id, *lock);
    }
    return {};
  }
  template <class M>
  messaging::ConsumerRow limiting() {
    return messaging::on<M>(this, &ProvisioningWorker::limit<M>, &ProvisioningWorker::limited<M>);
  }

  // ---- applications' logins and queues -----------------------------------------------------------------------

  // Whichever event says that something is to be done: what, is on record.
  Result<BrokerChange> follow_the_record(const std::string& tenant_id) {
    auto followed = follow_record(tools_, tenant_id);
    if (followed || followed.error().reason == "database_unavailable") return followed;
    BrokerChange nothing;
    nothing.error = followed.error();
    return nothing;
  }

  Result<void> tell_followed(Unit& unit, const std::string& tenant_id, const BrokerChange& change, int attempt) {
    for (const auto& user : change.users_gone) {
      const auto name = events::application_user(tenant_id, user.number);
      remove_broker_user(unit.tx, tenant_id, user.number);
      forget_resource(unit.tx, tenant_id, resource_user, name);
      v1::BrokerAccessEnded ended;
      ended.set_user(name);
      ended.set_reason(user.ended);
      unit.outbox.publish(tenant_id, ended);
    }
    for (const auto& queue : change.queues_made) mark_broker_queue_ready(unit.tx, tenant_id, queue);
    for (const auto& queue : change.queues_gone) remove_broker_queue(unit.tx, tenant_id, queue);
    v1::BrokerDue due;
    auto at = change.look_at;
    if (change.error) {
      // As long as it takes: what is on record has been answered for.
      log::warn("the broker does not follow what is on record yet",
                {{"tenant_id", tenant_id}, {"error", change.error->describe()}});
      due.set_attempt(attempt + 1);
      at = unit.now + retry_after(attempt, policy_);
    }
    if (at) unit.outbox.schedule(tenant_id + "/broker", *at, tenant_id, due);
    return {};
  }

  template <class M>
  Result<BrokerChange> follow(const events::Event& event, const M&) {
    return follow_the_record(event.tenant_id);
  }
  template <class M>
  Result<void> followed(Unit& unit, const events::Event& event, const M& message, const BrokerChange& change) {
    int attempt = 0;
    if constexpr (std::is_same_v<M, v1::BrokerDue>) attempt = message.attempt();
    return tell_followed(unit, event.tenant_id, change, attempt);
  }

  // Again, once it is done, or under a legal hold placed since it was asked for: nothing to do, and nothing to tell.
  Result<void> erasure(Unit& unit, const events::Event& event, const v1::ErasureRequested&) {
    if (erase_tenant(unit.tx, event.tenant_id, unit.now)) unit.outbox.publish(event.tenant_id, v1::TenantErased{});
    return {};
  }

  // A timer of an earlier cancellation may be on its way still. Its time is when it was due, whatever our clock says:
  // one that lags behind the relay's must not drop the timer that counts.
  Result<void> deletion_due(Unit& unit, const events::Event& event, const v1::TenantDeletionDue&) {
    const auto tenant = tenancy::lock_tenant(unit.tx, event.tenant_id);
    if (!tenant || !tenant->deletion_due_at || *tenant->deletion_due_at > event.time) return {};
    const auto moved = tenancy::transition(
        unit.tx, unit.outbox, {.tenant_id = event.tenant_id, .trigger = tenancy::Trigger::grace_over}, unit.now);
    if (!moved) return moved.error();
    if (!moved->changed) return {};
    mark_saga(unit.tx, event.tenant_id, "reconcile", "done", 0, "the tenant is deleted", unit.now);
    return start(unit, event, "release");
  }

  template <class M>
  messaging::ConsumerRow following() {
    return messaging::on<M>(this, &ProvisioningWorker::follow<M>, &ProvisioningWorker::followed<M>);
  }

  const Clock& clock_;
  const std::shared_ptr<const Registry> registry_;
  Tools tools_;
  const SagaPolicy policy_{};
  const std::vector<messaging::ConsumerRow> rows_ = {
      messaging::on<v1::TenantRegistered>(this, &ProvisioningWorker::registered),
      messaging::on<v1::ProvisioningRequested>(this, &ProvisioningWorker::requested),
      messaging::on<v1::ProvisioningStepDue>(this, &ProvisioningWorker::run_steps, &ProvisioningWorker::tell_run),
      limiting<v1::TenantSuspended>(),
      limiting<v1::TenantActivated>(),
      limiting<v1::TenantCancelled>(),
      limiting<v1::PlanChanged>(),
      limiting<v1::OverrideSet>(),
      limiting<v1::OverrideRemoved>(),
      messaging::on<v1::TenantDeletionDue>(this, &ProvisioningWorker::deletion_due),
      messaging::on<v1::ErasureRequested>(this, &ProvisioningWorker::erasure),
      following<v1::BrokerAccessRotated>(),
      following<v1::BrokerQueueCreated>(),
      following<v1::BrokerQueueDeleted>(),
      following<v1::BrokerDue>(),
  };
};

// Final backups and erasures read and remove all that a tenant has, and reconciliations come for all tenants at once:
// signups do not wait for them. What is made and what is taken back of one tenant are in one lane, one after the other.
bool is_slow(const events::Event& event) {
  if (event.type == "erasure.requested") return true;
  return event.type == "provisioning.step_due" && event.as<v1::ProvisioningStepDue>().saga() != "provision";
}

}  // namespace

messaging::WorkerSpec worker_spec(const ProvisioningConfig& config, ConnectBroker connect, Registry registry) {
  if (!connect) connect = [url = config.broker_admin_url] { return broker_admin::connect(url); };
  return {.name = "provisioning",
          .database_url = config.database_url,
          .lanes = 2,
          .batch_max = 1,  // acts take long, and one at a time keeps what a crash repeats small
          .slow = is_slow,
          .make = [config, connect, steps = std::make_shared<const Registry>(std::move(registry))](
                      const messaging::LaneContext& context) -> std::unique_ptr<messaging::Worker> {
            return std::make_unique<ProvisioningWorker>(config, connect, steps, context);
          }};
}

service::Entry entry(ConnectBroker connect) {
  return {.name = "provisioning",
          .purpose = "The provisioning worker: makes, looks after, freezes and removes tenants' resources.",
          .read = [connect = std::move(connect)](config::Reader& reader) {
            return worker_spec(read_provisioning_config(reader), connect);
          }};
}

}  // namespace tenantry::provisioning
