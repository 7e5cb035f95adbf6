#include "tests/simulation/world.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "events/codec.h"
#include "events/topology.h"
#include "shared/broker_admin/broker_admin.h"
#include "shared/core/rare.h"
#include "shared/db/run.h"
#include "shared/messaging/receive.h"
#include "shared/messaging/wire.h"
#include "tenantry/events/v1/usage.pb.h"
#include "workers/gateway/api/signup/sign_up.h"
#include "workers/gateway/stripe/inbox.h"
#include "workers/registry.h"

namespace tenantry::sim {
namespace {

constexpr const char* master_key = "cGSvYt1MExmCKQ0wjlgVnZ5k7uO2hF4aTqRbWxI9EfM=";
constexpr const char* publisher_user = "tenantry-publisher";
constexpr int batch_limit = 20;  // small batches: more of them, and more places to be cut

// The database is thrown away with the world: it need not survive the machine.
std::string unsafe(const std::string& url) {
  return url + (url.find('?') == url.npos ? "?" : "&") + "options=-csynchronous_commit%3Doff";
}

}  // namespace

Faults Faults::of_seed(std::uint64_t seed) {
  Random random(seed ^ 0x4641'554C'54ULL);
  const Faults most{.crash = 0.01,
                    .connection_loss = 0.03,
                    .lost_ack = 0.03,
                    .lost_confirm = 0.05,
                    .duplicate = 0.05,
                    .management_away = 0.02,
                    .mail_away = 0.1,
                    .database = 0.02,
                    .expiry = 0.05,
                    .clock_jump = 0.01};
  Faults faults;
  for (const auto& fault : fault_names()) {
    if (random.chance(0.6)) faults.*fault.chance = most.*fault.chance * static_cast<double>(1 + random.below(4)) / 4;
  }
  return faults;
}

std::span<const FaultName> fault_names() {
  static constexpr FaultName names[] = {
      {"crash", &Faults::crash},         {"connection_loss", &Faults::connection_loss},
      {"lost_ack", &Faults::lost_ack},   {"lost_confirm", &Faults::lost_confirm},
      {"duplicate", &Faults::duplicate}, {"management_away", &Faults::management_away},
      {"mail_away", &Faults::mail_away}, {"database", &Faults::database},
      {"expiry", &Faults::expiry},       {"clock_jump", &Faults::clock_jump}};
  return names;
}

std::string canary_of(std::string_view tenant_id) {
  return "canary of " + std::string(tenant_id);
}

Timestamp World::start() {
  return *from_rfc3339("2026-01-05T09:00:00Z");
}

// ---- Ids ----------------------------------------------------------------------------------------------------------

Uuid Ids::next() {
  if (on_next) on_next();
  std::array<std::uint8_t, 16> digest{};
  random(digest);
  ++counter_;
  digest[0] = static_cast<std::uint8_t>(counter_ >> 8);
  digest[1] = static_cast<std::uint8_t>(counter_);
  return derive_uuid_v7(clock_.now(), digest);
}

void Ids::random(std::span<std::uint8_t> out) {
  for (auto& byte : out) byte = static_cast<std::uint8_t>(random_.next());
}

// ---- ports --------------------------------------------------------------------------------------------------------

// The management API of the simulated broker: it may be away, before or after it did what was asked.
class World::AdminPort final : public broker_admin::BrokerAdmin {
 public:
  explicit AdminPort(World& world) : world_(world) {}

  Result<void> ensure_vhost(const std::string& vhost, const std::string&) override {
    return call([&] { world_.broker_.add_vhost(vhost); });
  }
  Result<void> remove_vhost(const std::string& vhost) override {
    return call([&] { world_.broker_.remove_vhost(vhost); });
  }
  Result<bool> has_vhost(const std::string& vhost) override { return world_.broker_.has_vhost(vhost); }
  Result<void> import_definitions(const std::string& vhost, const std::string& definitions) override {
    return call([&] { world_.broker_.import_definitions(vhost, definitions); });
  }
  Result<int> node_count() override { return 1; }

  // The simulated broker has no users: who may do what is tested on the real one (tests/e2e/test_broker.py).
  Result<void> ensure_user(const std::string&, const std::string&, const std::string&) override { return call({}); }
  Result<void> ensure_user_by_hash(const std::string&, const std::string&) override { return call({}); }
  Result<void> remove_user(const std::string&) override { return call({}); }
  Result<void> set_topic_permission(const std::string&, const std::string&, const std::string&, const std::string&,
                                    const std::string&) override {
    return call({});
  }
  Result<void> set_permissions(const std::string&, std::span<const events::Permission>) override { return call({}); }
  Result<void> set_vhost_limit(const std::string&, const std::string&, int) override { return call({}); }
  Result<void> set_user_limit(const std::string&, const std::string&, int) override { return call({}); }
  Result<void> close_connections_of(const std::string&) override { return call({}); }
  Result<bool> is_connected(const std::string&) override { return false; }
  Result<void> remove_queue(const std::string& vhost, const std::string& queue) override {
    return call([&] { world_.broker_.remove_queue(vhost, queue); });
  }

 private:
  Result<void> call(const std::function<void()>& effect) {
    const Error away{.code = Errc::unavailable, .reason = "broker_refused", .message = "simulated: away"};
    world_.maybe_crash("crash before a management call");
    if (world_.injects(world_.faults_.management_away, "management call refused")) return away;
    if (effect) effect();
    world_.maybe_crash("crash after a management call");
    if (world_.injects(world_.faults_.management_away, "management call's answer lost")) return away;
    return {};
  }

  World& world_;
};

struct World::WorkerProcess {
  messaging::WorkerSpec spec;
  std::unique_ptr<messaging::Processor> processor;
  std::map<std::pair<std::string, std::string>, ConsumerId> consumers{};  // by vhost and queue
};

// ---- the process --------------------------------------------------------------------------------------------------

World::World(std::uint64_t seed, Faults faults)
    : random_(seed),
      faults_(faults),
      clock_(start()),
      ids_(seed + 1, clock_),
      gateway_(unsafe(database_.url("gateway")), "simulation gateway"),
      superuser_(unsafe(database_.url("superuser")), "simulation") {
  broker_.add_vhost(std::string(events::vhost_platform));
  broker_.import_definitions(std::string(events::vhost_platform),
                             events::definitions_json(events::platform_tenant, "classic"));
  {
    // What applications may say of a level, and not of a sum: the platform's own levels are nobody else's word.
    db::Transaction tx(superuser_);
    tx.exec("INSERT INTO metering.metrics VALUES ('stock', 'last', 'pieces', 'never', NULL)");
    tx.commit();
  }
  ids_.on_next = [this] {
    if (crash_in_ > 0 && --crash_in_ == 0) throw Crash{};
  };
#ifdef TENANTRY_SIMULATION
  rare::choose_path = [this](rare::Path path) {
    if (!database_may_fail_) return false;
    switch (path) {
      case rare::Path::statement_conflicts:
        return injects(faults_.database / 4, "transaction aborted by a conflict");
      case rare::Path::commit_lost_before:
        return injects(faults_.database, "database lost before a commit");
      case rare::Path::commit_lost_after:
        return injects(faults_.database, "database lost after a commit");
    }
    return false;
  };
#endif
  start_process();
}

World::~World() {
#ifdef TENANTRY_SIMULATION
  rare::choose_path = nullptr;
#endif
  end_process();
}

void World::start_process() {
  const auto url = [this](std::string_view worker) { return unsafe(database_.url(worker)); };
  auto specs = workers::sandboxed(
      url, master_key,
      {.connect_broker =
           [this] { return Result<std::unique_ptr<broker_admin::BrokerAdmin>>(std::make_unique<AdminPort>(*this)); },
       .send_mail = [this](const std::string&, const std::string&,
                           const std::string& message) { return send_mail(message); }});
  for (auto& spec : specs) {
    auto worker = std::make_unique<WorkerProcess>();
    worker->processor = std::make_unique<messaging::Processor>(
        spec, "simulation " + spec.name, clock_, ids_,
        messaging::ProcessorHooks{.published =
                                      [this](std::vector<messaging::OutboxRow> rows) {
                                        maybe_crash("crash after a commit");
                                        handed_over_.insert(handed_over_.end(), std::make_move_iterator(rows.begin()),
                                                            std::make_move_iterator(rows.end()));
                                      },
                                  .settled =
                                      [this](std::vector<messaging::Token> tokens) {
                                        maybe_crash("crash before an acknowledgement");
                                        for (const auto& token : tokens) broker_.ack(token.link, token.delivery_tag);
                                      }});
    worker->spec = std::move(spec);
    workers_.push_back(std::move(worker));
  }
  relay_ = std::make_unique<db::Connection>(url("runtime"), "simulation relay");
  attach_all();
}

void World::end_process() {
  crash_in_ = 0;
  for (const auto& worker : workers_) {
    for (const auto& [queue, consumer] : worker->consumers) broker_.drop(consumer);
  }
  workers_.clear();
  relay_.reset();
  handed_over_.clear();
  answers_ = {};
}

bool World::injects(double chance, const char* fault) {
  if (!random_.chance(chance)) return false;
  ++injected_[fault];
  note("fault", fault);
  return true;
}

void World::note(std::string_view what, std::string_view detail) {
  trace_ += to_rfc3339(clock_.now());
  for (const auto part : {what, detail}) (trace_ += ' ') += part;
  trace_ += '\n';
}

void World::maybe_crash(const char* where) {
  if (injects(faults_.crash, where)) throw Crash{};
}

void World::guarded(const std::function<void()>& body) {
  try {
    body();
  } catch (const Crash&) {
    note("process", "starts again");
    database_may_fail_ = false;
    end_process();
    start_process();
  }
}

void World::attach_all() {
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

bool World::step() {
  attach_all();
  std::vector<std::function<void()>> possible;
  for (const auto& worker : workers_) {
    const bool waiting =
        std::ranges::any_of(worker->consumers, [this](const auto& entry) { return broker_.can_deliver(entry.second); });
    if (waiting) possible.emplace_back([this, w = worker.get()] { deliver(*w); });
  }
  if (!handed_over_.empty()) possible.emplace_back([this] { publish_some(); });
  if (!answers_.empty()) possible.emplace_back([this] { confirm_some(); });
  if (possible.empty()) return false;
  guarded([&] {
    if (injects(faults_.crash, "crash within a transaction")) crash_in_ = 1 + static_cast<int>(random_.below(4));
    possible[random_.below(possible.size())]();
    crash_in_ = 0;
  });
  clock_.advance(Milliseconds{1 + static_cast<std::int64_t>(random_.below(20))});
  if (injects(faults_.clock_jump, "clock jumped")) {
    clock_.advance(Seconds{static_cast<std::int64_t>(random_.below(600)) - 300});
  }
  return true;
}

void World::deliver(WorkerProcess& worker) {
  const auto size = 1 + random_.below(static_cast<std::uint64_t>(std::min(worker.spec.batch_max, batch_limit)));
  std::vector<messaging::Arrival> batch;
  while (batch.size() < size) {
    std::vector<std::pair<std::string, ConsumerId>> ready;
    for (const auto& [queue, consumer] : worker.consumers) {
      if (broker_.can_deliver(consumer)) ready.emplace_back(queue.first, consumer);
    }
    if (ready.empty()) break;
    const auto& [vhost, consumer] = ready[random_.below(ready.size())];
    auto delivery = *broker_.deliver(consumer);
    const messaging::Token token{.link = consumer, .generation = 0, .delivery_tag = delivery.delivery_tag};
    batch.push_back(messaging::receive(std::move(delivery), vhost, {publisher_user}, token, clock_.now()));
  }
  const auto lose = [&](double chance, const char* fault) {
    if (!injects(chance, fault)) return;
    const auto lost =
        std::next(worker.consumers.begin(), static_cast<std::ptrdiff_t>(random_.below(worker.consumers.size())));
    broker_.drop(lost->second);
    worker.consumers.erase(lost);
  };
  lose(faults_.connection_loss, "connection lost with deliveries at hand");
  if (injects(faults_.lost_ack, "acknowledgement lost")) {
    // What is settled from here on is said to connections that are no more.
    for (const auto& [queue, consumer] : worker.consumers) broker_.drop(consumer);
    worker.consumers.clear();
  }
  for (const auto& arrival : batch) note("delivered to " + worker.spec.name, arrival.incoming.event.id.to_string());
  if (worker.spec.name == "provisioning") let_other_worlds_commit();
  database_may_fail_ = true;
  const bool done = worker.processor->process(batch);
  database_may_fail_ = false;
  if (!done) {
    // What is held goes back, as where a lane waits for its database.
    note("gave back", worker.spec.name);
    for (const auto& [queue, consumer] : worker.consumers) broker_.drop(consumer);
    worker.consumers.clear();
  }
}

void World::publish_some() {
  const auto count = 1 + random_.below(handed_over_.size());
  for (std::size_t i = 0; i < count; ++i) {
    auto row = handed_over_.front();
    handed_over_.erase(handed_over_.begin());
    const auto key = messaging::key_of(row);
    const auto publish = [&] {
      const auto properties = messaging::properties_of(row, publisher_user);
      return broker_.publish(row.vhost,
                             {.exchange = row.exchange,
                              .routing_key = row.routing_key,
                              .properties = properties,
                              .body = row.payload,
                              .mandatory = row.exchange != events::exchange_tenant_changes},
                             publisher_user);
    };
    note("published " + row.type, row.id.to_string());
    auto outcome = publish();
    if (outcome == Routed::no_vhost) {
      messaging::send_through_platform(row);
      outcome = publish();
    }
    if (injects(faults_.duplicate, "published twice")) publish();
    maybe_crash("crash after a publish");
    if (outcome == Routed::returned) {
      answers_.failed.push_back(key);
    } else if (outcome != Routed::queued) {
      answers_.released.push_back(key);  // the channel was closed over it, and the connection with it
    } else if (injects(faults_.lost_confirm, "confirm lost")) {
      answers_.released.push_back(key);
    } else {
      answers_.confirmed.push_back(key);
    }
  }
}

void World::confirm_some() {
  db::Transaction tx(*relay_);
  messaging::settle_rows(tx, answers_);
  maybe_crash("crash before a row is deleted");
  tx.commit();
  answers_ = {};
}

// What is due and nobody's. True: there was something.
bool World::sweep() {
  bool found = false;
  guarded([&] {
    db::Transaction tx(*relay_);
    auto rows = messaging::claim_due(tx, clock_.now(), 100);
    tx.commit();
    found = !rows.empty();
    if (found) maybe_crash("crash after rows are claimed");
    handed_over_.insert(handed_over_.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
  });
  return found;
}

// The database's clock does not follow the simulated one: what would end with time is ended by hand.
void World::let_leases_run_out() {
  db::Transaction tx(superuser_);
  tx.exec("UPDATE messaging.outbox SET claimed_until = NULL WHERE claimed_until IS NOT NULL");
  tx.exec("SELECT messaging.ensure_inbox_partitions($1)", {clock_.now()});
  tx.commit();
}

// A release waits until no transaction is open that is older than it, and PostgreSQL counts those of every database:
// what other worlds do on this server must not show in the trace of this one.
void World::let_other_worlds_commit() {
  db::Transaction tx(superuser_);
  tx.exec_once(
      "DO $$ BEGIN WHILE EXISTS (SELECT FROM provisioning.sagas WHERE state = 'running' AND started_xid >= "
      "pg_snapshot_xmin(pg_current_snapshot())) LOOP PERFORM pg_sleep(0.001); END LOOP; END $$",
      {});
}

void World::run_steps(int steps) {
  while (steps-- > 0 && step()) {
  }
}

void World::settle() {
  constexpr int steps_max = 20'000;
  for (int steps = 0; steps < steps_max; ++steps) {
    if (step()) continue;
    let_leases_run_out();
    if (!sweep()) return;
  }
  throw std::runtime_error("the simulated platform does not come to rest");
}

void World::advance_to(Timestamp until) {
  settle();
  for (;;) {
    std::optional<Timestamp> next;
    {
      db::Transaction tx(superuser_);
      next = tx.exec("SELECT min(available_at) FROM messaging.outbox")[0].optional_timestamp(0);
    }
    if (!next || *next > until) break;
    clock_.set(std::max(*next, clock_.now()));
    settle();
  }
  clock_.set(std::max(until, clock_.now()));
}

// ---- people and services outside ----------------------------------------------------------------------------------

Result<void> World::send_mail(const std::string& message) {
  const Error later{.code = Errc::unavailable, .reason = "mail_deferred", .message = "simulated: later"};
  maybe_crash("crash before a mail");
  if (injects(faults_.mail_away, "mail server says later")) return later;
  const std::string header = "Message-ID: ";
  const auto at = message.find(header);
  if (at == message.npos) throw std::runtime_error("a mail without a Message-ID");
  const auto start = at + header.size();
  ++mails_[message.substr(start, message.find_first_of("\r\n", start) - start)];
  maybe_crash("crash after a mail");
  return {};
}

void World::in_gateway(const std::function<void(db::Transaction&, messaging::Outbox&)>& work,
                       const events::Actor& actor) {
  std::optional<messaging::Outbox> outbox;
  database_may_fail_ = true;
  testing::must(db::run(gateway_, {.in_doubt = db::InDoubtCommit::lookup}, [&](db::Transaction& tx) -> Result<void> {
    outbox.emplace("/tenantry/gateway", actor, ids_, clock_.now());
    work(tx, *outbox);
    outbox->flush(tx);
    return {};
  }));
  database_may_fail_ = false;
  auto rows = outbox->take_due();
  // The answer has gone out; a process that dies here leaves the rows to a sweeper.
  if (injects(faults_.crash, "crash after a request")) return guarded([] { throw Crash{}; });
  handed_over_.insert(handed_over_.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
}

std::string World::sign_up(const std::string& company, const std::string& email, const std::string& plan) {
  std::string tenant_id;
  in_gateway(
      [&](db::Transaction& tx, messaging::Outbox& outbox) {
        gateway::SignUp command{.request = {.company_name = company,
                                            .company_email = email,
                                            .admin_email = email,
                                            .admin_password = {},
                                            .admin_first_name = "Marie",
                                            .admin_last_name = "Martin",
                                            .plan = plan},
                                .locale = "fr",
                                .password_hash = "$argon2id$none"};
        tenant_id = testing::must(gateway::sign_up(tx, outbox, ids_, command)).tenant_id;
      },
      {"anonymous", "", "192.0.2.1", ""});
  accepted_.signups.push_back({tenant_id, plan, clock_.now()});
  note("signed up", tenant_id);
  return tenant_id;
}

void World::stripe(const Webhook& webhook) {
  nlohmann::json event = {{"id", webhook.id},
                          {"object", "event"},
                          {"api_version", "2025-03-31.basil"},
                          {"created", to_unix_seconds(webhook.stated_at)},
                          {"type", webhook.type},
                          {"livemode", false},
                          {"data", {{"object", webhook.object}}}};
  if (webhook.confirms) event["data"]["previous_attributes"] = {{"metadata", {{"note", "another"}}}};
  if (!webhook.account.empty()) event["account"] = webhook.account;
  const auto body = event.dump();
  const auto fact = gateway::read_stripe_event(body);
  const int deliveries = webhook.copies + (injects(faults_.duplicate, "webhook sent twice") ? 1 : 0);
  for (int i = 0; i < deliveries; ++i) {
    in_gateway(
        [&](db::Transaction& tx, messaging::Outbox& outbox) {
          testing::must(gateway::store_stripe_event(tx, outbox, {}, fact, body));
        },
        {"stripe", fact.event_id, "192.0.2.2", ""});
  }
  auto& where = webhook.account.empty() ? accepted_.facts : accepted_.foreign;
  where.push_back({webhook.id, webhook.tenant_id, webhook.type, webhook.object, webhook.confirms,
                   from_unix_seconds(to_unix_seconds(webhook.stated_at))});
  note("webhook", webhook.id);
}

void World::admin(const std::string& tenant_id, tenancy::Trigger trigger, const std::string& reason) {
  in_gateway(
      [&](db::Transaction& tx, messaging::Outbox& outbox) {
        testing::must(tenancy::transition(tx, outbox, {tenant_id, trigger, reason}, outbox.now()));
      },
      {"user", "super-admin", "192.0.2.3", ""});
  note("admin", tenant_id);
}

void World::keep_house() {
  bool more = true;
  while (more) {
    db::Transaction tx(*relay_);
    more = tx.exec("SELECT coalesce(bool_or(more), false) FROM housekeeping.sweep($1)", {clock_.now()})[0].boolean(0);
    tx.commit();
  }
  house_kept_at_ = clock_.now();
}

// Whether the broker would let the tenant's application in: it has its vhost, and has not been released. (That a
// released tenant's login is refused is shown on the real broker.)
bool World::is_served(const std::string& tenant_id) {
  if (!broker_.has_queue(events::vhost_of(tenant_id), events::queue_of(tenant_id, "audit"))) return false;
  db::Transaction tx(superuser_);
  return !tx.exec("SELECT FROM platform.tenants WHERE tenant_id = $1 AND status NOT IN ('pending', 'deleted')",
                  {tenant_id})
              .empty();
}

bool World::publish_of_application(const std::string& tenant_id, const events::Event& event) {
  if (!is_served(tenant_id)) return false;
  messaging::OutboxRow row;
  row.id = event.id;
  row.type = event.type;
  row.content_type = event.content_type;
  row.headers = events::encode_headers(event);
  if (!event.time_given && row.headers.erase("cloudEvents_time") == 0) throw std::logic_error("the time is elsewhere");
  auto properties = messaging::properties_of(row, events::application_user(tenant_id));
  const auto vhost = events::vhost_of(tenant_id);
  const bool expires = injects(faults_.expiry, "application's message expired");
  if (expires) properties.expiration = "0";
  const int times = injects(faults_.duplicate, "application published twice") ? 2 : 1;
  for (int n = 0; n < times; ++n) {
    const auto routed = broker_.publish(vhost, {.exchange = events::application_exchange(tenant_id),
                                                .routing_key = event.type,
                                                .properties = properties,
                                                .body = event.payload});
    if (routed != Routed::queued) throw std::runtime_error("an application's event found no queue");
  }
  if (expires) broker_.expire(vhost);
  clock_.advance(Milliseconds{1});
  return true;
}

void World::use(const Use& use) {
  events::v1::UsageRecorded used;
  used.set_metric(use.metric);
  used.set_quantity(use.quantity);
  used.set_idempotency_key(use.key);
  auto& dimensions = *used.mutable_dimensions();
  const auto id = ids_.next();
  dimensions["id"] = id.to_string();
  dimensions["said"] = canary_of(use.tenant_id);
  if (!use.member.empty()) dimensions["member"] = use.member;
  // No instant twice, whatever the clock does: of two statements of one instant either may be the last, and which one
  // is (the larger id's) is not for the model to know.
  auto at = clock_.now();
  while (!used_at_.insert(at).second) at += Microseconds{1};
  auto event = events::make_event(
      use.tenant_id, used,
      {.source = "/shop", .actor = {.kind = "service", .id = "shop", .ip = {}, .user_agent = {}}, .time = at}, id);
  // Some do not say when, where the order does not matter: of what adds up, and counts whatever else there is.
  event.time_given = use.metric != "orders" || !use.key.empty() || use.quantity % 2 == 0;
  if (!publish_of_application(use.tenant_id, event)) return;
  accepted_.usage.push_back(
      {id.to_string(), use.tenant_id, use.metric, use.key, use.member, use.quantity, at, event.time_given});
  note("used", id.to_string());
}

void World::poison(const std::string& tenant_id, Poison kind, const std::string& other_tenant) {
  if (kind == Poison::foreign_tenant && other_tenant.empty()) return;
  events::v1::UsageRecorded used;
  used.set_metric(kind == Poison::invalid ? "no_such_metric" : "orders");
  used.set_quantity(1);
  (*used.mutable_dimensions())["said"] = canary_of(tenant_id);
  auto event = events::make_event(
      kind == Poison::foreign_tenant ? other_tenant : tenant_id, used,
      {.source = "/shop", .actor = {.kind = "service", .id = "shop", .ip = {}, .user_agent = {}}, .time = clock_.now()},
      ids_.next());
  if (kind == Poison::undecodable) event.payload = "\xff\xff not a message";
  if (kind == Poison::forged_type) event.type = "payment.succeeded";
  if (!publish_of_application(tenant_id, event)) return;
  accepted_.poison.push_back({event.id.to_string(), tenant_id, kind});
  note("poisoned", event.id.to_string());
}

}  // namespace tenantry::sim
