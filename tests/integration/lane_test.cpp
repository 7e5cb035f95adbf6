// Goal: what a lane promises of every delivery: its effects once, in order per tenant,
// its failure its own, and nothing settled that is not committed.
// Method: a worker that notes each event in a table, driven by arrivals; the database is
// real and is taken away where a test says so.
#include <gtest/gtest.h>

#include "shared/db/connection.h"
#include "shared/messaging/gathering.h"
#include "shared/messaging/outbox_rows.h"
#include "tenantry/events/v1/usage.pb.h"
#include "tests/integration/lane_harness.h"

namespace tenantry::messaging::lane_test {
namespace {

using testing::activated;
using testing::arrival_of;
using testing::event_of;
using testing::TestDatabase;

using Handler = std::function<Result<void>(Unit&, const Incoming&)>;

class NotingWorker final : public Worker {
 public:
  NotingWorker(Handler handler, int attempts_max)
      : rows_{
            {.type = "#",
             .options = {.attempts_max = attempts_max},
             .handle = [h = std::move(handler)](Unit& unit, const Incoming& incoming, const std::any&) -> Result<void> {
               if (h) {
                 if (auto ok = h(unit, incoming); !ok) return ok;
               }
               unit.tx.exec("INSERT INTO public.effects (tenant_id, event_id) VALUES ($1, $2)",
                            {incoming.event.tenant_id, incoming.event.id});
               return {};
             }}} {}
  std::span<const ConsumerRow> consumes() const override { return rows_; }

 private:
  const std::vector<ConsumerRow> rows_;
};

class LaneTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database.exec(
        "owner",
        "CREATE TABLE public.effects (position bigint GENERATED ALWAYS AS IDENTITY, tenant_id text, event_id uuid)");
    database.exec("owner", "GRANT ALL ON public.effects TO tenantry_metering, tenantry_audit");
    database.add_tenant("acme");
  }

  Lane& start(const std::string& role = "metering", int batch_max = 200) {
    lanes.push_back(make(role, batch_max));
    lanes.back()->start();
    return *lanes.back();
  }
  std::unique_ptr<Lane> make(const std::string& role, int batch_max) {
    const WorkerSpec spec{
        .name = role, .database_url = database.url(role), .batch_max = batch_max, .make = [this](const LaneContext&) {
          return std::make_unique<NotingWorker>(handler, 3);
        }};
    return std::make_unique<Lane>(spec, 0, clock, ids, recorder.hooks());
  }

  events::Event event(const std::string& tenant = "acme") { return event_of(tenant, activated(), ids, clock.now()); }
  std::vector<Arrival> batch(std::size_t count, const std::string& tenant = "acme") {
    std::vector<Arrival> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(arrival_of(event(tenant), ++tags));
    return out;
  }
  std::string effects() {
    return database.value("SELECT count(*) || ' of ' || count(DISTINCT event_id) FROM public.effects");
  }
  std::string dead_letters() {
    return database.value(
        "SELECT coalesce(string_agg(worker || ' ' || reason || ' ' || attempts, ', ' ORDER BY worker), '') FROM "
        "messaging.dead_letters");
  }

  SystemClock clock;
  SystemIdGenerator ids{clock};
  TestDatabase database;
  testing::Recorder recorder;
  Handler handler;
  std::uint64_t tags = 0;
  std::vector<std::unique_ptr<Lane>> lanes;  // last: they use everything above
};

TEST_F(LaneTest, DuplicatesWithinABatchAndAcrossBatchesTakeEffectOnce) {
  auto& lane = start();
  const auto same = event();
  lane.push({arrival_of(same, 1), arrival_of(event(), 2), arrival_of(same, 3)});
  EXPECT_EQ(recorder.await_settled(3), 3U);
  lane.push({arrival_of(same, 4)});
  EXPECT_EQ(recorder.await_settled(4), 4U);
  EXPECT_EQ(effects(), "2 of 2");
}

TEST_F(LaneTest, SameEventTakesEffectOncePerWorker) {
  const auto same = event();
  start("metering").push({arrival_of(same, 1)});
  start("audit").push({arrival_of(same, 2)});
  EXPECT_EQ(recorder.await_settled(2), 2U);
  EXPECT_EQ(effects(), "2 of 1");
}

struct Failure {
  const char* name;
  std::function<Result<void>(Unit&)> fail;
};
class FailingEvent : public LaneTest, public ::testing::WithParamInterface<Failure> {};

TEST_P(FailingEvent, IsRetriedAloneAndHarmsNoOther) {
  auto all = batch(50);
  const auto bad = all[17].incoming.event.id;
  handler = [&](Unit& unit, const Incoming& incoming) -> Result<void> {
    return incoming.event.id == bad ? GetParam().fail(unit) : Result<void>{};
  };
  auto lane = make("metering", 200);
  lane->push(all);
  lane->start();
  EXPECT_EQ(recorder.await_settled(50), 50U);
  EXPECT_EQ(effects(), "49 of 49");
  const auto retry = database.exec(
      "superuser",
      "SELECT id, exchange, routing_key, vhost, headers ->> 'tenantry-attempts', headers ->> 'tenantry-exchange', "
      "headers ->> 'tenantry-routing-key', available_at > $1, claimed_until IS NULL FROM messaging.outbox",
      {clock.now() - std::chrono::minutes{5}});
  ASSERT_EQ(retry.size(), 1U);
  EXPECT_EQ(retry[0].uuid(0), bad);
  EXPECT_EQ(retry[0].text(1), "");
  EXPECT_EQ(retry[0].text(2), "acme.metering");
  EXPECT_EQ(retry[0].text(3), "tenant-acme");
  EXPECT_EQ(retry[0].text(4), "1");
  EXPECT_EQ(retry[0].text(5), "acme.events");
  EXPECT_EQ(retry[0].text(6), "tenant.activated");
  EXPECT_TRUE(retry[0].boolean(7));
  EXPECT_TRUE(retry[0].boolean(8));
  EXPECT_EQ(dead_letters(), "");
}

INSTANTIATE_TEST_SUITE_P(, FailingEvent,
                         ::testing::Values(Failure{"Transient",
                                                   [](Unit&) -> Result<void> {
                                                     return Error{.code = Errc::unavailable, .reason = "elsewhere"};
                                                   }},
                                           Failure{"Exception",
                                                   [](Unit&) -> Result<void> { throw std::runtime_error("a bug"); }},
                                           Failure{"StatementTimeout",
                                                   [](Unit& unit) -> Result<void> {
                                                     unit.tx.exec("SET LOCAL statement_timeout = 50");
                                                     unit.tx.exec("SELECT pg_sleep(600)");
                                                     return {};
                                                   }},
                                           Failure{"StatementError",
                                                   [](Unit& unit) -> Result<void> {
                                                     unit.tx.exec("SELECT 1 / 0");
                                                     return {};
                                                   }}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(LaneTest, RetriedEventKeepsWhereItWasFirstPublished) {
  handler = [](Unit&, const Incoming&) -> Result<void> { return Error{.code = Errc::timeout}; };
  auto again = arrival_of(event(), 1);
  again.incoming.attempts = 1;
  again.incoming.wire.exchange.clear();
  again.incoming.wire.routing_key = "acme.metering";
  again.incoming.wire.headers = {{"tenantry-exchange", "acme.app"}, {"tenantry-routing-key", "usage.recorded"}};
  start().push({again});
  EXPECT_EQ(recorder.await_settled(1), 1U);
  EXPECT_EQ(database.value("SELECT concat_ws(' ', headers ->> 'tenantry-attempts', headers ->> 'tenantry-exchange', "
                           "headers ->> 'tenantry-routing-key') FROM messaging.outbox"),
            "2 acme.app usage.recorded");
}

TEST_F(LaneTest, RetryThatFailsBeforeItsRowIsDeletedLeavesTheNextOne) {
  handler = [](Unit&, const Incoming&) -> Result<void> { return Error{.code = Errc::timeout}; };
  const auto failing = event();
  auto& lane = start();
  lane.push({arrival_of(failing, 1)});
  EXPECT_EQ(recorder.await_settled(1), 1U);
  // The broker has delivered the retry, and its confirm is still on the way.
  auto retry = arrival_of(failing, 2);
  retry.incoming.attempts = 1;
  retry.incoming.wire.exchange.clear();
  lane.push({retry});
  EXPECT_EQ(recorder.await_settled(2), 2U);
  {
    db::Connection relay(database.url("runtime"), "test");
    db::Transaction tx(relay);
    settle_rows(tx, {.confirmed = {{failing.id, "", "acme.metering", 1}}});
    tx.commit();
  }
  EXPECT_EQ(database.value("SELECT string_agg(retry::text, ' ') FROM messaging.outbox"), "2");
}

struct Last {
  const char* name;
  Error error;
  int attempts;
  const char* reason;
};
class SetAside : public LaneTest, public ::testing::WithParamInterface<Last> {};

TEST_P(SetAside, WithItsReason) {
  handler = [&](Unit&, const Incoming&) -> Result<void> { return GetParam().error; };
  auto one = arrival_of(event(), 1);
  one.incoming.attempts = GetParam().attempts;
  start().push({one});
  EXPECT_EQ(recorder.await_settled(1), 1U);
  EXPECT_EQ(dead_letters(),
            "metering " + std::string(GetParam().reason) + " " + std::to_string(GetParam().attempts + 1));
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.outbox"), "0");
  EXPECT_EQ(effects(), "0 of 0");
}

INSTANTIATE_TEST_SUITE_P(, SetAside,
                         ::testing::Values(Last{"AttemptsSpent", {.code = Errc::unavailable}, 2, "exhausted"},
                                           Last{"TimedOutToTheLast", {.code = Errc::timeout}, 2, "timeout"},
                                           Last{"Permanent", Error::invalid("/x", "range", "is wrong"), 0, "invalid"},
                                           Last{"Forbidden", {.code = Errc::forbidden}, 0, "invalid"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(LaneTest, EventRefusedByTwoWorkersIsOneSecurityEvent) {
  auto forged = arrival_of(event(), 1);
  forged.incoming.wire.exchange = "acme.app";
  forged.incoming.wire.user_id = "tenant-acme";
  forged.refused =
      Error{.code = Errc::refused, .reason = "forged_type", .message = "tenant.activated is the platform's"};
  start("metering").push({forged});
  start("audit").push({forged});
  EXPECT_EQ(recorder.await_settled(2), 2U);
  EXPECT_EQ(dead_letters(), "audit refused 1, metering refused 1");
  EXPECT_EQ(database.value("SELECT string_agg(type || ' ' || vhost, ', ') FROM messaging.outbox"),
            "security.event_refused tenant-acme");
  EXPECT_EQ(effects(), "0 of 0");
}

struct Hostile {
  const char* name;
  std::function<void(Arrival&)> spoil;
};
class HostileBytes : public LaneTest, public ::testing::WithParamInterface<Hostile> {};

// Whatever bytes a tenant's application publishes, its message is set aside and the next one is handled.
TEST_P(HostileBytes, AreSetAsideAndStopNothing) {
  auto bad = arrival_of(event(), 1);
  bad.refused = Error{.code = Errc::refused, .reason = "forged_key", .message = "the key is not the type"};
  GetParam().spoil(bad);
  auto& lane = start();
  lane.push({bad});
  ASSERT_EQ(recorder.await_settled(1), 1U);
  lane.push(batch(1));
  EXPECT_EQ(recorder.await_settled(2), 2U);
  EXPECT_EQ(dead_letters(), "metering refused 1");
  EXPECT_EQ(effects(), "1 of 1");
}

INSTANTIATE_TEST_SUITE_P(
    , HostileBytes,
    ::testing::Values(
        Hostile{"RoutingKeyIsNotUtf8", [](Arrival& a) { a.incoming.wire.routing_key = "\xff\xfe"; }},
        Hostile{"RoutingKeyWithNul", [](Arrival& a) { a.incoming.wire.routing_key = std::string("a\0b", 3); }},
        Hostile{"HeaderWithNul", [](Arrival& a) { a.incoming.wire.headers["x"] = std::string("a\0b", 3); }},
        Hostile{"HeaderIsNotUtf8", [](Arrival& a) { a.incoming.wire.headers["\xc3"] = "\xc3("; }},
        Hostile{"MessageIdWithNul", [](Arrival& a) { a.incoming.wire.message_id = std::string(3, '\0'); }},
        Hostile{"TypeCutWithinALetter", [](Arrival& a) { a.incoming.event.type = std::string(127, 'a') + "\xc3"; }},
        Hostile{"ErrorQuotesBytes", [](Arrival& a) { a.refused->message = std::string("key \xff\0", 6); }},
        Hostile{"LongKeyCutWithinALetter",
                [](Arrival& a) { a.incoming.wire.routing_key = std::string(255, 'a') + "\xc3\xa9"; }},
        Hostile{"BodyOfAnyBytes", [](Arrival& a) { a.incoming.wire.body = std::string("\0\xff{", 3); }}),
    [](const auto& row) { return std::string(row.param.name); });

struct Redelivery {
  const char* name;
  int tries_before;
  const char* dead_letter;
  const char* effects;
};
class CrashLoop : public LaneTest, public ::testing::WithParamInterface<Redelivery> {};

TEST_P(CrashLoop, EndsAfterTenTries) {
  std::atomic<int> handled = 0;
  handler = [&](Unit&, const Incoming&) -> Result<void> {
    ++handled;
    return {};
  };
  auto one = arrival_of(event(), 1);
  one.incoming.redelivered = true;
  database.exec("superuser", "INSERT INTO messaging.attempts (worker, event_id, attempts) VALUES ('metering', $1, $2)",
                {one.incoming.event.id, GetParam().tries_before});
  start().push({one});
  EXPECT_EQ(recorder.await_settled(1), 1U);
  EXPECT_EQ(dead_letters(), GetParam().dead_letter);
  EXPECT_EQ(effects(), GetParam().effects);
  EXPECT_EQ(handled, GetParam().dead_letter[0] == '\0' ? 1 : 0);
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.attempts"), "0");
}

INSTANTIATE_TEST_SUITE_P(, CrashLoop,
                         ::testing::Values(Redelivery{"TenthTryIsHandled", 9, "", "1 of 1"},
                                           Redelivery{"EleventhIsSetAsideUnhandled", 10, "metering crash 1", "0 of 0"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(LaneTest, TryOfARedeliveredEventIsCountedBeforeItIsHandled) {
  std::string counted;
  handler = [&](Unit&, const Incoming&) -> Result<void> {
    counted = database.value("SELECT attempts::text FROM messaging.attempts");
    return {};
  };
  auto one = arrival_of(event(), 1);
  one.incoming.redelivered = true;
  start().push({one});
  EXPECT_EQ(recorder.await_settled(1), 1U);
  EXPECT_EQ(counted, "1");
}

// Goal: one message that stops the process must not take those with it that shared its batch.
TEST_F(LaneTest, OnceSuspiciousEventsAreCountedOnlyWhenTheirOwnTurnComes) {
  std::vector<std::string> counts;
  auto held = batch(3);
  for (auto& arrival : held) {
    arrival.incoming.redelivered = true;
    database.exec("superuser", "INSERT INTO messaging.attempts (worker, event_id, attempts) VALUES ('metering', $1, 2)",
                  {arrival.incoming.event.id});
  }
  handler = [&](Unit&, const Incoming&) -> Result<void> {
    counts.push_back(
        database.value("SELECT string_agg(attempts::text, ' ' ORDER BY attempts DESC) FROM messaging.attempts"));
    return {};
  };
  start().push(held);
  EXPECT_EQ(recorder.await_settled(3), 3U);
  // The one being handled, and the others as they were; those that are done are forgotten.
  EXPECT_EQ(counts, (std::vector<std::string>{"3 2 2", "3 2", "3"}));
}

TEST_F(LaneTest, FloodOfOneTenantKeepsNobodyWaitingAndEachTenantsOrder) {
  auto lane = make("metering", 10);
  auto flood = batch(200, "acme");
  const auto ours = batch(5, "globex");
  lane->push(flood);
  lane->push(ours);
  lane->start();
  EXPECT_EQ(recorder.await_settled(205), 205U);
  EXPECT_EQ(effects(), "205 of 205");
  // Turn by turn: globex is done when acme has had as many turns.
  EXPECT_EQ(database.value("SELECT (max(position) <= 10)::text FROM public.effects WHERE tenant_id = 'globex'"),
            "true");
  const auto rows =
      database.exec("superuser", "SELECT event_id FROM public.effects WHERE tenant_id = 'acme' ORDER BY position");
  ASSERT_EQ(rows.size(), flood.size());
  for (std::size_t i = 0; i < flood.size(); ++i) ASSERT_EQ(rows[i].uuid(0), flood[i].incoming.event.id) << i;
}

TEST_F(LaneTest, BatchThatSomebodyQuietIsInIsNotFilledUpWithAFlood) {
  auto lane = make("metering", 160);  // a turn: 10
  lane->push(batch(200, "acme"));
  lane->push(batch(2, "globex"));
  lane->push(batch(12, "initech"));
  lane->start();
  EXPECT_EQ(recorder.await_settled(214), 214U);
  // Each row knows the transaction that made it.
  EXPECT_EQ(database.value("SELECT string_agg(tenants, '; ' ORDER BY first) FROM (SELECT min(position) AS first, "
                           "count(*) FILTER (WHERE tenant_id = 'acme') || ' ' || count(*) FILTER (WHERE tenant_id = "
                           "'globex') || ' ' || count(*) FILTER (WHERE tenant_id = 'initech') AS tenants "
                           "FROM public.effects GROUP BY xmin) batches"),
            "10 2 10; 10 0 2; 160 0 0; 20 0 0");
}

// Long enough under load for batches to wait for company (gathering.h); a lane that is asked to leave does not.
TEST_F(LaneTest, ManyTenantsUnderLoadKeepTheirOrderAndNobodyIsForgotten) {
  std::vector<std::string> tenants;
  for (int i = 0; i < 20; ++i) tenants.push_back("tenant-" + std::to_string(i));
  for (const auto& tenant : tenants) database.add_tenant(tenant);
  auto& lane = start();
  std::map<std::string, std::vector<std::string>> pushed;
  std::size_t count = 0;
  const auto until = std::chrono::steady_clock::now() + 3 * Gathering::rate_span;
  while (std::chrono::steady_clock::now() < until) {
    for (const auto& tenant : tenants) {
      auto few = batch(2, tenant);
      for (const auto& arrival : few) pushed[tenant].push_back(arrival.incoming.event.id.to_string());
      count += few.size();
      lane.push(std::move(few));
    }
    recorder.await_settled(count > 400 ? count - 400 : 0);  // as a prefetch would
  }
  EXPECT_EQ(recorder.await_settled(count), count);
  EXPECT_EQ(effects(), std::to_string(count) + " of " + std::to_string(count));
  for (const auto& tenant : tenants) {
    std::vector<std::string> seen;
    for (const auto row : database.exec(
             "superuser", "SELECT event_id FROM public.effects WHERE tenant_id = $1 ORDER BY position", {tenant})) {
      seen.emplace_back(row.text(0));
    }
    EXPECT_EQ(seen, pushed[tenant]) << tenant;
  }
  lane.push(batch(1, tenants[0]));
  lane.stop();
}

TEST_F(LaneTest, WhatAHandlerPublishesIsHandedOverAfterTheCommit) {
  handler = [](Unit& unit, const Incoming& incoming) -> Result<void> {
    // Of types that this worker's role may publish.
    unit.outbox.publish(incoming.event.tenant_id, events::v1::UsageThresholdReached{});
    unit.outbox.schedule("acme/later", unit.now + Days{1}, incoming.event.tenant_id, events::v1::UsagePeriodClosed{});
    return {};
  };
  start().push(batch(1));
  EXPECT_EQ(recorder.await_settled(1), 1U);
  ASSERT_EQ(recorder.published().size(), 1U);  // the timer waits
  EXPECT_EQ(recorder.published()[0].exchange, "acme.events");
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.outbox"), "2");
}

TEST_F(LaneTest, NothingIsSettledWhileTheDatabaseIsAwayAndARepeatTakesEffectOnce) {
  auto& lane = start();
  lane.push(batch(1));
  ASSERT_EQ(recorder.await_settled(1), 1U);
  database.allow_connections(false);
  database.terminate_backends();
  auto held = batch(3);
  lane.push(held);
  ASSERT_EQ(recorder.await_database(1), std::vector<bool>{false});
  EXPECT_EQ(recorder.await_settled(1), 1U);
  lane.drop_queued();  // as the host does: the broker has them again
  database.allow_connections(true);
  ASSERT_EQ(recorder.await_database(2), (std::vector<bool>{false, true}));
  for (auto& arrival : held) arrival.incoming.redelivered = true;
  lane.push(held);
  EXPECT_EQ(recorder.await_settled(4), 4U);
  EXPECT_EQ(effects(), "4 of 4");
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.attempts"), "0");
}

TEST_F(LaneTest, CommitWhoseAnswerIsLostIsSettledAndTakesEffectOnce) {
  const auto server = testing::endpoint_of(database.url("metering"));
  testing::Proxy proxy(server.host, server.port);
  const WorkerSpec spec{.name = "metering",
                        .database_url = testing::with_endpoint(database.url("metering"), {"127.0.0.1", proxy.port()}),
                        .make = [this](const LaneContext&) { return std::make_unique<NotingWorker>(handler, 3); }};
  Lane lane(spec, 0, clock, ids, recorder.hooks());
  proxy.swallow_answer_to("COMMIT");
  lane.push(batch(5));
  lane.start();
  EXPECT_EQ(recorder.await_settled(5), 5U);
  EXPECT_TRUE(proxy.swallowed());
  EXPECT_EQ(effects(), "5 of 5");
  lane.stop();
}

}  // namespace
}  // namespace tenantry::messaging::lane_test
