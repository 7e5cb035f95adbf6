#include "workers/replay/platform.h"

#include <algorithm>
#include <random>
#include <set>

#include "events/catalogue.h"
#include "events/codec.h"
#include "events/topology.h"
#include "shared/broker_admin/broker_admin.h"
#include "shared/db/connection.h"
#include "shared/messaging/processor.h"
#include "shared/messaging/receive.h"
#include "shared/messaging/wire.h"
#include "shared/tenancy/transition.h"
#include "tenantry/events/v1/billing.pb.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "workers/audit/worker.h"
#include "workers/gateway/api/signup/sign_up.h"
#include "workers/replay/store.h"

namespace tenantry::replay {
namespace {

namespace v1 = tenantry::events::v1;

// Wraps keys that live as long as the platform's database.
constexpr const char* master_key = "cGSvYt1MExmCKQ0wjlgVnZ5k7uO2hF4aTqRbWxI9EfM=";
constexpr const char* gateway_source = "/tenantry/gateway";
constexpr int steps_max = 1'000'000;  // of one moment: more is a loop

std::string publisher() {
  return events::BrokerUsers{}.publisher;
}

// What moved a tenant where this event says so; nullopt where it says no such thing.
std::optional<tenancy::TransitionRequest> trigger_of(const events::Event& event) {
  using tenancy::Trigger;
  const auto request = [&](Trigger trigger, const std::string& reason = "") {
    return std::optional(
        tenancy::TransitionRequest{.tenant_id = event.tenant_id, .trigger = trigger, .reason = reason});
  };
  if (event.type == "trial.started") return request(Trigger::provisioned);
  if (event.type == "tenant.deletion_due") return request(Trigger::grace_over);
  if (event.type == "tenant.cancelled") return request(Trigger::cancel, event.as<v1::TenantCancelled>().reason());
  if (event.type == "tenant.activated") {
    const auto& reason = event.as<v1::TenantActivated>().reason();
    for (const auto trigger : {Trigger::reactivate, Trigger::resume, Trigger::extend_trial}) {
      if (reason == tenancy::to_string(trigger)) return request(trigger);
    }
    return request(event.actor.kind == "user" ? Trigger::reactivate : Trigger::paid, reason);
  }
  if (event.type != "tenant.suspended") return std::nullopt;
  const auto& reason = event.as<v1::TenantSuspended>().reason();
  return request(reason == tenancy::reason_trial_expired    ? Trigger::trial_ended
                 : reason == tenancy::reason_payment_failed ? Trigger::unpaid
                 : reason == tenancy::reason_paused         ? Trigger::pause
                                                            : Trigger::suspend,
                 reason);
}

}  // namespace

// Random ids, of the platform's time.
class Platform::Ids final : public IdGenerator {
 public:
  explicit Ids(const Clock& clock) : clock_(clock), engine_(std::random_device{}()) {}
  Uuid next() override {
    std::array<std::uint8_t, 16> digest{};
    random(digest);
    ++counter_;
    digest[0] = static_cast<std::uint8_t>(counter_ >> 8);
    digest[1] = static_cast<std::uint8_t>(counter_);
    return derive_uuid_v7(clock_.now(), digest);
  }
  void random(std::span<std::uint8_t> out) override {
    for (auto& byte : out) byte = static_cast<std::uint8_t>(engine_());
  }

 private:
  const Clock& clock_;
  std::mt19937_64 engine_;
  std::uint64_t counter_ = 0;
};

// The management API of the broker in memory. It has no users: who may do what is not a matter of a replay.
class Platform::AdminPort final : public broker_admin::BrokerAdmin {
 public:
  explicit AdminPort(sim::Broker& broker) : broker_(broker) {}

  Result<void> ensure_vhost(const std::string& vhost, const std::string&) override {
    broker_.add_vhost(vhost);
    return {};
  }
  Result<void> remove_vhost(const std::string& vhost) override {
    broker_.remove_vhost(vhost);
    return {};
  }
  Result<bool> has_vhost(const std::string& vhost) override { return broker_.has_vhost(vhost); }
  Result<void> import_definitions(const std::string& vhost, const std::string& definitions) override {
    broker_.import_definitions(vhost, definitions);
    return {};
  }
  Result<int> node_count() override { return 1; }
  Result<void> ensure_user(const std::string&, const std::string&, const std::string&) override { return {}; }
  Result<void> ensure_user_by_hash(const std::string&, const std::string&) override { return {}; }
  Result<void> remove_user(const std::string&) override { return {}; }
  Result<void> set_topic_permission(const std::string&, const std::string&, const std::string&, const std::string&,
                                    const std::string&) override {
    return {};
  }
  Result<void> set_permissions(const std::string&, std::span<const events::Permission>) override { return {}; }
  Result<void> set_vhost_limit(const std::string&, const std::string&, int) override { return {}; }
  Result<void> set_user_limit(const std::string&, const std::string&, int) override { return {}; }
  Result<void> close_connections_of(const std::string&) override { return {}; }
  Result<bool> is_connected(const std::string&) override { return false; }
  Result<void> remove_queue(const std::string& vhost, const std::string& queue) override {
    broker_.remove_queue(vhost, queue);
    return {};
  }

 private:
  sim::Broker& broker_;
};

struct Platform::WorkerProcess {
  messaging::WorkerSpec spec;
  std::unique_ptr<messaging::Processor> processor;
  std::map<std::pair<std::string, std::string>, sim::ConsumerId> consumers{};  // by vhost and queue
};

Platform::Platform(PlatformOptions options)
    : options_(std::move(options)),
      clock_(options_.starts_at),
      ids_(std::make_unique<Ids>(clock_)),
      gateway_(std::make_unique<db::Connection>(options_.database_url("gateway"), "replay gateway")),
      relay_(std::make_unique<db::Connection>(options_.database_url("runtime"), "replay relay")) {
  if (!options_.worker.empty())
    owner_ = std::make_unique<db::Connection>(options_.database_url("owner"), "replay state");
  broker_.add_vhost(std::string(events::vhost_platform));
  broker_.import_definitions(std::string(events::vhost_platform),
                             events::definitions_json(events::platform_tenant, "classic"));
  start_workers();
}

Platform::~Platform() = default;

audit::LeafKeys Platform::audit_keys() {
  auto master = crypto::MasterKey::from_base64(master_key);
  TENANTRY_ASSERT(master);
  return audit::LeafKeys(std::move(*master));
}

void Platform::start_workers() {
  auto specs = workers::sandboxed(
      options_.database_url, master_key,
      {.connect_broker =
           [this] { return Result<std::unique_ptr<broker_admin::BrokerAdmin>>(std::make_unique<AdminPort>(broker_)); },
       .send_mail = [this](const std::string& from, const std::string& to,
                           const std::string& text) { return send_mail(from, to, text); }},
      options_.mail_from);
  for (auto& spec : specs) {
    if (!runs(spec.name)) continue;
    auto worker = std::make_unique<WorkerProcess>();
    worker->processor = std::make_unique<messaging::Processor>(
        spec, "replay " + spec.name, clock_, *ids_,
        messaging::ProcessorHooks{.published =
                                      [this](std::vector<messaging::OutboxRow> rows) {
                                        handed_over_.insert(handed_over_.end(), std::make_move_iterator(rows.begin()),
                                                            std::make_move_iterator(rows.end()));
                                      },
                                  .settled =
                                      [this](std::vector<messaging::Token> tokens) {
                                        for (const auto& token : tokens) broker_.ack(token.link, token.delivery_tag);
                                      }});
    worker->spec = std::move(spec);
    workers_.push_back(std::move(worker));
  }
  attach_all();
}

Result<void> Platform::send_mail(const std::string& from, const std::string& to, const std::string& text) {
  const auto sent = options_.send_mail ? options_.send_mail(from, to, text) : Result<void>{};
  mails_.push_back({to, text, sent ? std::nullopt : std::optional(sent.error())});
  if (on_mail) on_mail(mails_.back());
  return sent;
}

void Platform::attach_all() {
  for (const auto& vhost : broker_.vhosts()) {
    for (const auto& worker : workers_) {
      for (const auto& queue : events::queues_of(events::tenant_of_vhost(vhost), worker->spec.name)) {
        if (worker->consumers.contains({vhost, queue}) || !broker_.has_queue(vhost, queue)) continue;
        worker->consumers[{vhost, queue}] =
            broker_.consume(vhost, queue, static_cast<std::size_t>(worker->spec.prefetch));
      }
    }
  }
}

// ---- steps --------------------------------------------------------------------------------------------------------

bool Platform::step() {
  attach_all();
  if (!handed_over_.empty()) {
    publish_handed_over();
    return true;
  }
  return std::ranges::any_of(workers_, [this](const auto& worker) { return deliver(*worker); });
}

bool Platform::deliver(WorkerProcess& worker) {
  std::vector<messaging::Arrival> batch;
  for (const auto& [queue, consumer] : worker.consumers) {
    while (batch.size() < static_cast<std::size_t>(worker.spec.batch_max) && broker_.can_deliver(consumer)) {
      auto delivery = *broker_.deliver(consumer);
      const messaging::Token token{.link = consumer, .generation = 0, .delivery_tag = delivery.delivery_tag};
      batch.push_back(messaging::receive(std::move(delivery), queue.first, {publisher()}, token, clock_.now()));
    }
  }
  if (batch.empty()) return false;
  if (!worker.processor->process(std::move(batch))) throw db::Unavailable("the replay's database is away");
  return true;
}

void Platform::publish_handed_over() {
  messaging::Answers answers;
  const auto rows = std::exchange(handed_over_, {});
  for (auto row : rows) {
    const auto key = messaging::key_of(row);
    const auto publish = [&] {
      const auto properties = messaging::properties_of(row, publisher());
      return broker_.publish(row.vhost, {.exchange = row.exchange,
                                         .routing_key = row.routing_key,
                                         .properties = properties,
                                         .body = row.payload,
                                         .mandatory = row.exchange != events::exchange_tenant_changes});
    };
    auto outcome = publish();
    if (outcome == sim::Routed::no_vhost) {
      messaging::send_through_platform(row);
      outcome = publish();
    }
    (outcome == sim::Routed::queued ? answers.confirmed : answers.failed).push_back(key);
    note(row);
  }
  db::Transaction tx(*relay_);
  messaging::settle_rows(tx, answers);
  tx.commit();
}

void Platform::note(const messaging::OutboxRow& row) {
  // Retries and signals to caches are nobody's news.
  if (row.exchange.empty() || row.exchange == events::exchange_tenant_changes) return;
  events::WireMessage wire{.exchange = row.exchange,
                           .routing_key = row.routing_key,
                           .content_type = row.content_type,
                           .message_id = row.id.to_string(),
                           .type = row.type,
                           .user_id = publisher(),
                           .headers = row.headers,
                           .body = row.payload};
  auto event = events::decode(wire, row.tenant_id, {publisher()});
  if (!event) return;  // the workers will say so
  published_.push_back({.event = *std::move(event), .exchange = row.exchange, .recorded_at = clock_.now()});
  if (on_published) on_published(published_.back());
}

// What is due and was not handed over: timers and retries. True: there was something.
bool Platform::sweep() {
  db::Transaction tx(*relay_);
  forget_leases(tx);
  auto rows = messaging::claim_due(tx, clock_.now(), 500);
  tx.commit();
  const bool found = !rows.empty();
  handed_over_.insert(handed_over_.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
  return found;
}

void Platform::settle() {
  for (int steps = 0; steps < steps_max; ++steps) {
    if (!step() && !sweep()) return;
  }
  throw std::runtime_error("the replayed platform does not come to rest");
}

void Platform::advance_to(Timestamp until) {
  settle();
  for (;;) {
    std::optional<Timestamp> next;
    {
      db::Transaction tx(*relay_);
      next = next_due(tx);
    }
    if (!next || *next > until) break;
    clock_.set(std::max(*next, clock_.now()));
    settle();
  }
  clock_.set(std::max(until, clock_.now()));
}

// ---- what people, Stripe and applications did -----------------------------------------------------------------------

bool Platform::is_decided_anew(const events::Event& event) const {
  const bool anybody_here = options_.worker.empty() || event.source == "/tenantry/" + options_.worker;
  return anybody_here && !event.causation_id.empty();
}

Result<bool> Platform::feed(const Recorded& recorded) {
  const auto& event = recorded.event;
  if (is_decided_anew(event)) return false;
  if (event.time > clock_.now()) advance_to(event.time);
  if (auto done = happen(recorded); !done) return done.error();
  return true;
}

Result<void> Platform::happen(const Recorded& recorded) {
  const auto& event = recorded.event;
  if (event.type == "signup.requested" && event.tenant_id != events::platform_tenant) return sign_up(recorded);
  if (!options_.worker.empty()) {
    auto followed = follow_the_others(recorded);
    return followed ? publish(recorded) : followed;
  }
  const bool moves =
      event.type == "tenant.suspended" || event.type == "tenant.activated" || event.type == "tenant.cancelled";
  return event.source == gateway_source && moves ? move_tenant(recorded) : publish(recorded);
}

void Platform::add_vhost(const std::string& tenant_id) {
  const auto vhost = events::vhost_of(tenant_id);
  broker_.add_vhost(vhost);
  broker_.import_definitions(vhost, events::definitions_json(tenant_id, "classic"));
}

// What those who do not run wrote when they made this event. Their timers are in the recording.
Result<void> Platform::follow_the_others(const Recorded& recorded) {
  const auto& event = recorded.event;
  const auto trigger = trigger_of(event);
  if (event.type == "tenant.deletion_due" && runs("provisioning")) return {};
  const bool registers = event.type == "tenant.registered";
  if (!trigger && !registers && event.type != "plan.changed") return {};
  settle();  // what came before it has happened
  messaging::Outbox unsent(gateway_source, event.actor, *ids_, clock_.now());
  db::Transaction tx(*owner_);
  if (registers) {
    if (auto added = add_owned_tenant(tx, event, ids_->next()); !added) return added;
    if (!runs("provisioning")) add_vhost(event.tenant_id);
  } else if (trigger) {
    const auto moved = tenancy::transition(tx, unsent, *trigger, clock_.now());
    if (!moved) return moved.error();
  } else {
    set_plan(tx, event.tenant_id, event.as<v1::PlanChanged>().to_plan());
  }
  tx.commit();
  return {};
}

Result<void> Platform::in_gateway(const Recorded& recorded,
                                  const std::function<Result<void>(db::Transaction&, messaging::Outbox&)>& work) {
  messaging::Outbox outbox(gateway_source, recorded.event.actor, *ids_, clock_.now());
  outbox.set_trace(recorded.event.correlation_id, recorded.event.traceparent);
  db::Transaction tx(*gateway_);
  if (auto done = work(tx, outbox); !done) return done;
  outbox.flush(tx);
  tx.commit();
  auto rows = outbox.take_due();
  handed_over_.insert(handed_over_.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
  return {};
}

// The tenant with the id it had, then the event as it was: what the gateway did in one transaction.
Result<void> Platform::sign_up(const Recorded& recorded) {
  const auto& event = recorded.event;
  const auto& request = event.as<v1::SignupRequested>();
  const auto signup_id = Uuid::parse(request.signup_id());
  if (!signup_id) return Error::invalid("/data/signup_id", "uuid", "must be a UUID");
  if (!runs("provisioning")) add_vhost(event.tenant_id);
  return in_gateway(recorded, [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
    if (auto added = add_tenant(tx, event.tenant_id, request, event.time); !added) return added;
    const auto user_id = ids_->next();
    gateway::store::add_user(tx,
                             {user_id, request.admin_email(), request.admin_first_name(), request.admin_last_name(),
                              request.locale(), "none"},
                             event.time);
    gateway::store::add_signup(tx, *signup_id, event.tenant_id, user_id, event.time);
    outbox.publish_made(event);
    return {};
  });
}

// A transition that a person asked for. The event of it is made anew.
Result<void> Platform::move_tenant(const Recorded& recorded) {
  const auto& event = recorded.event;
  tenancy::TransitionRequest request{.tenant_id = event.tenant_id};
  if (event.type == "tenant.suspended") {
    const auto& message = event.as<v1::TenantSuspended>();
    request.trigger = tenancy::Trigger::suspend;
    request.reason = message.reason();
    request.note = message.note();
  } else if (event.type == "tenant.cancelled") {
    const auto& message = event.as<v1::TenantCancelled>();
    request.trigger = tenancy::Trigger::cancel;
    request.reason = message.reason();
    request.note = message.note();
  } else {
    const auto& message = event.as<v1::TenantActivated>();
    const bool resumed = tenancy::status_from(message.from_status()) == tenancy::Status::cancelled;
    request.trigger = resumed ? tenancy::Trigger::resume : tenancy::Trigger::reactivate;
    request.reason = message.reason();
    request.note = message.note();
  }
  settle();  // what came before it has happened
  return in_gateway(recorded, [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
    const auto moved = tenancy::transition(tx, outbox, request, outbox.now());
    if (!moved) return moved.error();
    return {};
  });
}

Result<void> Platform::publish(const Recorded& recorded) {
  const auto& event = recorded.event;
  if (recorded.exchange == events::application_exchange(event.tenant_id)) {
    messaging::OutboxRow row;
    row.id = event.id;
    row.type = event.type;
    row.content_type = event.content_type;
    row.headers = events::encode_headers(event);
    const auto properties = messaging::properties_of(row, events::application_user(event.tenant_id));
    const auto routed = broker_.publish(
        events::vhost_of(event.tenant_id),
        {.exchange = recorded.exchange, .routing_key = event.type, .properties = properties, .body = event.payload});
    if (routed == sim::Routed::queued) return {};
    return Error{.code = Errc::not_found,
                 .reason = "no_vhost",
                 .message = "tenant " + event.tenant_id + " has no vhost here for its applications' " + event.type +
                            ": a recording begins with the tenant's signup"};
  }
  return in_gateway(recorded, [&](db::Transaction&, messaging::Outbox& outbox) -> Result<void> {
    const bool known = events::Catalogue::instance().find(event.type) != nullptr;
    if (known) {
      outbox.publish_made(event);
    } else {
      outbox.publish_application_event(event);
    }
    return {};
  });
}

}  // namespace tenantry::replay
