// Goal: a message that was set aside is kept whole, and sent again it is what it was: the same event, judged by the
// same rules, in a row of the outbox that neither a crash nor another redrive can lose or double.
// Method: deliveries as the broker would hand them over go through receive() and a Processor; a redrive's outbox row is
// turned into the delivery it becomes, and goes the same way.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "shared/messaging/dead_letters.h"
#include "shared/messaging/outbox_rows.h"
#include "shared/messaging/processor.h"
#include "shared/messaging/receive.h"
#include "shared/messaging/wire.h"
#include "tests/integration/lane_harness.h"

namespace tenantry::messaging::dead_letter_test {
namespace {

using nlohmann::json;
using testing::activated;
using testing::event_of;

constexpr const char* publisher = "tenantry-publisher";

class DeadLetterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database.add_tenant("acme");
    database.exec("owner", "CREATE TABLE public.effects (event_id uuid, type text, actor text, source text, at text)");
    database.exec("owner", "GRANT ALL ON public.effects TO tenantry_metering");
  }

  class NotingWorker final : public Worker {
   public:
    explicit NotingWorker(DeadLetterTest& test)
        : rows_{{.type = "#",
                 .options = {.attempts_max = 2},
                 .handle = [&test](Unit& unit, const Incoming& incoming, const std::any&) {
                   return test.handle(unit, incoming);
                 }}} {}
    std::span<const ConsumerRow> consumes() const override { return rows_; }

   private:
    const std::vector<ConsumerRow> rows_;
  };

  Result<void> handle(Unit& unit, const Incoming& incoming) {
    seen = incoming;
    if (fail_with) return *fail_with;
    const auto& event = incoming.event;
    unit.tx.exec("INSERT INTO public.effects VALUES ($1, $2, $3, $4, $5)",
                 {event.id, event.type, event.actor.kind + ":" + event.actor.id, event.source, to_rfc3339(event.time)});
    return {};
  }

  // What the broker would deliver of this publication.
  static amqp::Delivery delivery(const std::string& exchange, const std::string& key, const std::string& user,
                                 std::map<std::string, std::string> headers, const std::string& type,
                                 std::string body) {
    amqp::Delivery out{.exchange = exchange, .routing_key = key, .body = std::move(body)};
    out.properties.content_type = type;
    out.properties.user_id = user;
    out.properties.message_id = "m-1";
    for (const auto& [name, value] : headers) out.properties.headers.add(name, value);
    return out;
  }
  static amqp::Delivery delivery(const OutboxRow& row) {
    return {.exchange = row.exchange,
            .routing_key = row.routing_key,
            .properties = properties_of(row, publisher),
            .body = row.payload};
  }

  // Handles it as the metering worker's lane does. The refused event's id, or the event's.
  Uuid process(amqp::Delivery&& message, const std::string& vhost = "tenant-acme") {
    auto arrival = receive(std::move(message), vhost, {publisher}, {}, clock.now());
    const auto id = arrival.incoming.event.id;
    EXPECT_TRUE(processor.process({arrival}));
    return id;
  }

  // The rows that a redrive of all that waits has written.
  std::vector<OutboxRow> redrive_all(bool commit = true) {
    db::Connection gateway(database.url("gateway"), "test");
    db::Transaction tx(gateway);
    Outbox outbox("/tenantry/gateway", {"user", "super-admin", {}, {}}, ids, clock.now());
    redrive(tx, outbox, lock_dead_letters(tx, {.state = "waiting", .only_whole = true}, 100), {.from = outbox.now()},
            "because");
    outbox.flush(tx);
    if (!commit) return {};
    tx.commit();
    auto rows = outbox.take_due();
    std::erase_if(rows, [](const OutboxRow& row) { return !row.exchange.empty(); });  // the events that tell of it
    return rows;
  }
  OutboxRow redrive_one() {
    auto rows = redrive_all();
    EXPECT_EQ(rows.size(), 1U);
    return rows.at(0);
  }

  // The newest retry, as the relay would read it.
  OutboxRow retry_of_the_outbox() {
    db::Connection relay(database.url("runtime"), "test");
    db::Transaction tx(relay);
    auto rows = claim_due(tx, clock.now() + Days{1}, 100);
    std::erase_if(rows, [](const OutboxRow& row) { return !row.headers.contains("tenantry-attempts"); });
    return rows.back();
  }

  std::string letters() {
    return database.value(
        "SELECT coalesce(string_agg(concat_ws(' ', event_id, reason, form, state, redrives, seen), ', ' ORDER BY "
        "created_at), '') FROM messaging.dead_letters");
  }
  std::string effects() {
    return database.value(
        "SELECT coalesce(string_agg(concat_ws(' ', event_id, type, actor, source, at), ', '), '') FROM public.effects");
  }

  json usage(double quantity = 1) { return {{"metric", "orders"}, {"quantity", quantity}}; }
  amqp::Delivery structured(const json& data, const std::string& tenant = "acme") {
    const json envelope = {
        {"specversion", "1.0"}, {"id", "o-1"},         {"type", "usage.recorded"},       {"source", "/shop"},
        {"tenantid", tenant},   {"subject", "till 3"}, {"time", "2026-11-01T10:00:00Z"}, {"data", data}};
    return delivery("acme.app", "usage.recorded", "tenant-acme", {}, "application/cloudevents+json", envelope.dump());
  }

  SystemClock clock;
  SystemIdGenerator ids{clock};
  testing::TestDatabase database;
  std::optional<Error> fail_with;
  Incoming seen;
  WorkerSpec spec{.name = "metering", .database_url = database.url("metering"), .make = [this](const LaneContext&) {
                    return std::make_unique<NotingWorker>(*this);
                  }};
  Processor processor{
      spec, "test", clock, ids, {.published = [](std::vector<OutboxRow>) {}, .settled = [](std::vector<Token>) {}}};
};

TEST_F(DeadLetterTest, EventOfAnApplicationKeepsItsEnvelope) {
  fail_with = Error::invalid("/data/metric", "unknown_metric", "no metric is called orders");
  const auto id = process(structured(usage()));
  EXPECT_EQ(letters(), id.to_string() + " invalid event waiting 0 1");

  fail_with.reset();
  const auto row = redrive_one();
  EXPECT_EQ(row.vhost, "tenant-acme");
  EXPECT_EQ(row.routing_key, "acme.metering");
  EXPECT_EQ(process(delivery(row)), id);
  EXPECT_EQ(effects(), id.to_string() + " usage.recorded application:tenant-acme /shop 2026-11-01T10:00:00Z");
  EXPECT_EQ(seen.event.foreign_id, "o-1");
  EXPECT_EQ(seen.event.subject, "till 3");
  EXPECT_EQ(letters(), id.to_string() + " invalid event redriven 1 1");
}

// CloudEvents: time is optional. Audit, metering and a redrive of days later must not each have a month of their own
// for it.
TEST_F(DeadLetterTest, WhoSaysNoTimeIsHeardAtOneTimeByEveryWorkerTryAndRedrive) {
  database.exec("owner", "GRANT ALL ON public.effects TO tenantry_audit");
  WorkerSpec audit_spec = spec;
  audit_spec.name = "audit";
  audit_spec.database_url = database.url("audit");
  Processor audit{audit_spec, "test", clock, ids, {[](std::vector<OutboxRow>) {}, [](std::vector<Token>) {}}};
  const auto take = [&](Processor& by, amqp::Delivery&& message, Timestamp at) {
    auto arrival = receive(std::move(message), "tenant-acme", {publisher}, {}, at);
    EXPECT_FALSE(arrival.refused);
    EXPECT_TRUE(by.process({arrival}));
    return seen.event;
  };
  const auto timeless = [&] {
    const json envelope = {
        {"specversion", "1.0"}, {"id", "o-2"}, {"type", "usage.recorded"}, {"source", "/shop"}, {"data", usage()}};
    return delivery("acme.app", "usage.recorded", "tenant-acme", {}, "application/json", envelope.dump());
  };
  const auto eve = *from_rfc3339("2026-11-30T23:59:59.5Z");

  fail_with = Error::invalid("/data/metric", "unknown_metric", "no metric is called orders");
  EXPECT_EQ(take(processor, timeless(), eve).time, eve);
  fail_with.reset();
  const auto heard = take(audit, timeless(), eve + Seconds{2});
  EXPECT_EQ(heard.time, eve);
  EXPECT_FALSE(heard.time_given);
  EXPECT_EQ(take(processor, delivery(redrive_one()), eve + Days{5}).time, eve);
  const auto effect = heard.id.to_string() + " usage.recorded application:tenant-acme /shop " + to_rfc3339(eve);
  EXPECT_EQ(effects(), effect + ", " + effect);

  // Who does say it is believed, and nothing is kept of it.
  EXPECT_EQ(take(processor, structured(usage()), eve).time, *from_rfc3339("2026-11-01T10:00:00Z"));
  EXPECT_EQ(database.value("SELECT count(*) FROM messaging.arrivals"), "1");
}

TEST_F(DeadLetterTest, RedriveOfAnEventThatHasTakenEffectDoesNothing) {
  fail_with = Error::invalid("/x", "range", "is wrong");
  const auto id = process(structured(usage()));
  fail_with.reset();
  process(structured(usage()));  // the application published it again, and by now it counts
  const auto before = effects();
  EXPECT_EQ(process(delivery(redrive_one())), id);
  EXPECT_EQ(effects(), before);
}

TEST_F(DeadLetterTest, FailedAgainItWaitsAgainUnderItsId) {
  fail_with = Error::invalid("/x", "range", "is wrong");
  const auto id = process(structured(usage()));
  const auto first = redrive_one();
  process(delivery(first));
  EXPECT_EQ(letters(), id.to_string() + " invalid event waiting 1 2");
  // The first redrive's row is still there: the broker's confirm is on its way. The second is a row beside it.
  const auto second = redrive_one();
  EXPECT_NE(first.retry, second.retry);
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.outbox WHERE exchange = ''"), "2");
}

TEST_F(DeadLetterTest, TriesBeginAnew) {
  fail_with = Error{.code = Errc::unavailable, .reason = "elsewhere"};
  process(structured(usage()));
  process(delivery(retry_of_the_outbox()));
  EXPECT_EQ(database.value("SELECT reason || ' ' || attempts FROM messaging.dead_letters"), "exhausted 2");
  const auto row = redrive_one();
  process(delivery(row));
  EXPECT_EQ(seen.attempts, 0);
  // Its retries are told apart from those before the redrive, which may still be there.
  const auto again = retry_of_the_outbox();
  EXPECT_EQ(again.headers.at("tenantry-attempts"), "1");
  EXPECT_EQ(again.headers.at("tenantry-exchange"), "acme.app");
  EXPECT_EQ(database.value("SELECT count(DISTINCT retry)::text FROM messaging.outbox WHERE exchange = ''"), "3");
}

struct Unreadable {
  const char* name;
  std::string content_type;
  std::string body;
};
class UnreadableMessage : public DeadLetterTest, public ::testing::WithParamInterface<Unreadable> {};

TEST_P(UnreadableMessage, ComesBackAsItWas) {
  auto message =
      delivery("acme.app", "usage.recorded", "tenant-acme", {{"x", "y"}}, GetParam().content_type, GetParam().body);
  const auto id = process(std::move(message));
  EXPECT_EQ(letters(), id.to_string() + " invalid message waiting 0 1");
  EXPECT_EQ(process(delivery(redrive_one())), id);
  EXPECT_EQ(letters(), id.to_string() + " invalid message waiting 1 2");
  EXPECT_EQ(database.value("SELECT encode(body, 'hex') FROM messaging.dead_letters"),
            to_hex(as_bytes(GetParam().body)));
}

INSTANTIATE_TEST_SUITE_P(, UnreadableMessage,
                         ::testing::Values(Unreadable{"AnyBytes", "application/octet-stream", "\xff\xfe{"},
                                           Unreadable{"Empty", "application/json", ""},
                                           Unreadable{"AgainstItsSchema", "application/cloudevents+json",
                                                      R"({"specversion":"1.0","type":"usage.recorded","id":"1",)"
                                                      R"("source":"/s","data":{"quantity":"much"}})"}),
                         [](const auto& row) { return std::string(row.param.name); });

// What a later build can read is the event it would have been at once.
TEST_F(DeadLetterTest, MessageThatCanBeReadByNowIsItsEvent) {
  const auto natural = receive(structured(usage()), "tenant-acme", {publisher}, {}, clock.now()).incoming.event.id;
  auto arrival = receive(structured(usage()), "tenant-acme", {publisher}, {}, clock.now());
  // As a build that did not know the schema would have it: the whole message, refused.
  arrival.refused = Error::invalid("/data", "schema", "unknown field");
  arrival.incoming.wire.body = structured(usage()).body;
  EXPECT_TRUE(processor.process({arrival}));
  EXPECT_EQ(process(delivery(redrive_one())), natural);
  EXPECT_EQ(effects(), natural.to_string() + " usage.recorded application:tenant-acme /shop 2026-11-01T10:00:00Z");
}

struct Forgery {
  const char* name;
  const char* exchange;
  const char* user;
  const char* tenant;
  const char* type;
  const char* vhost;  // where the redrive arrives
};
class Forged : public DeadLetterTest, public ::testing::WithParamInterface<Forgery> {};

// The relay publishes a redrive under the platform's name: that name must not rub off on the message.
TEST_P(Forged, StaysRefusedWhenItIsSentAgain) {
  const auto& row = GetParam();
  const auto event = event_of(row.tenant, activated(), ids, clock.now());
  auto headers = events::encode_headers(event);
  headers["cloudEvents_type"] = row.type;
  headers["tenantry-exchange"] = "acme.events";  // what a forger would claim
  headers["tenantry-routing-key"] = row.type;
  const std::string body = row.type == event.type ? event.payload : "{}";
  process(delivery(row.exchange, row.type, row.user, headers,
                   row.type == event.type ? "application/protobuf" : "application/json", body));
  ASSERT_EQ(database.value("SELECT string_agg(reason || ' ' || form, ', ') FROM messaging.dead_letters"),
            "refused message");
  auto again = delivery(redrive_one());
  if (std::string(row.vhost) == "platform") again.routing_key = "platform.metering";
  process(std::move(again), row.vhost);
  EXPECT_EQ(database.value("SELECT string_agg(concat_ws(' ', reason, tenant_id, state, seen), ', ') FROM "
                           "messaging.dead_letters"),
            "refused acme waiting 2");
  EXPECT_EQ(effects(), "");
}

INSTANTIATE_TEST_SUITE_P(
    , Forged,
    ::testing::Values(
        Forgery{"PrivilegedTypeOfAnApplication", "acme.app", "tenant-acme", "acme", "tenant.activated", "tenant-acme"},
        Forgery{"PublishedByAnother", "acme.events", "tenant-acme", "acme", "tenant.activated", "tenant-acme"},
        Forgery{"StraightToTheQueue", "", "tenant-acme", "acme", "tenant.activated", "tenant-acme"},
        Forgery{"AnotherTenants", "acme.app", "tenant-acme", "globex", "order.created", "tenant-acme"},
        Forgery{"AnotherTenantsThroughThePlatform", "acme.app", "tenant-acme", "globex", "order.created", "platform"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(DeadLetterTest, ProcessThatDiesBeforeTheCommitHasDecidedNothing) {
  fail_with = Error::invalid("/x", "range", "is wrong");
  const auto id = process(structured(usage()));
  redrive_all(false);
  EXPECT_EQ(letters(), id.to_string() + " invalid event waiting 0 1");
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.outbox"), "0");
}

TEST_F(DeadLetterTest, LetterThatSomebodyIsDecidingAboutIsLeftToThem) {
  fail_with = Error::invalid("/x", "range", "is wrong");
  process(structured(usage()));
  db::Connection first(database.url("gateway"), "test");
  db::Transaction tx(first);
  EXPECT_EQ(lock_dead_letters(tx, {}, 100).size(), 1U);
  EXPECT_EQ(redrive_all().size(), 0U);
}

TEST_F(DeadLetterTest, WhatCouldNotBeKeptWholeIsNotSentAgain) {
  auto oversized = delivery("acme.app", "order.created", "tenant-acme", {}, "application/json", "");
  oversized.oversized = true;
  process(std::move(oversized));
  process(
      delivery("acme.app", "order.created", "tenant-acme", {{"x", std::string("\xff\0", 2)}}, "application/json", "{"));
  EXPECT_EQ(database.value("SELECT string_agg(whole::text, ' ') FROM messaging.dead_letters"), "false false");
  EXPECT_EQ(redrive_all().size(), 0U);
}

TEST_F(DeadLetterTest, GatewayDecidesAndChangesNoLetter) {
  for (const char* column : {"body", "error", "reason", "tenant_id", "properties"}) {
    EXPECT_EQ(database.value("SELECT has_column_privilege('tenantry_gateway', 'messaging.dead_letters', $1, "
                             "'UPDATE')::text",
                             {column}),
              "false")
        << column;
  }
  EXPECT_EQ(database.value("SELECT has_table_privilege('tenantry_gateway', 'messaging.dead_letters', 'DELETE')::text"),
            "false");
}

TEST_F(DeadLetterTest, KindsOfErrorLeaveOutWhatDiffers) {
  const auto shape = [&](const char* error) { return database.value("SELECT messaging.error_shape($1)", {error}); };
  EXPECT_EQ(shape("invalid: no metric is called \"x 1\", 0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b at 17.5"),
            "invalid: no metric is called <text>, <id> at <n>");
}

// A flood of what an application should not have sent: kept while there is room, then without its body, then counted;
// and whatever the platform itself has published is kept whole all the same.
TEST_F(DeadLetterTest, AFloodOfOneTenantsMistakesFillsNothing) {
  const auto fill = [this](int letters, int first) {
    database.exec("superuser",
                  "INSERT INTO messaging.dead_letters (dead_letter_id, worker, tenant_id, event_id, type, reason, "
                  "error, attempts, vhost, exchange, routing_key, properties, body, created_at, last_seen_at, form) "
                  "SELECT gen_random_uuid(), 'metering', 'acme', gen_random_uuid(), 't', 'invalid', 'e', 1, 'v', 'x', "
                  "'k', '{}', 'b', $1, $1, 'event' FROM generate_series($2::int, $3::int)",
                  {clock.now() - Seconds{3600}, first, letters});
  };
  const auto last = [this](const Uuid& id) {
    return database.value(
        "SELECT coalesce(string_agg(concat_ws(' ', whole, octet_length(body) > 0, seen), ', '), 'none') FROM "
        "messaging.dead_letters WHERE event_id = $1",
        {id});
  };
  // Each asks the table anew, as a lane does after ten seconds.
  const auto set_aside_by_a_new_lane = [this](const std::string& user, const std::string& id) {
    Processor lane(spec, "another", clock, ids,
                   {.published = [](std::vector<OutboxRow>) {}, .settled = [](std::vector<Token>) {}});
    auto message = structured(usage());
    message.body.replace(message.body.find("o-1"), 3, id);
    message.properties.user_id = user;
    if (user == publisher) message.exchange = "acme.app";
    auto arrival = receive(std::move(message), "tenant-acme", {publisher}, {}, clock.now());
    EXPECT_TRUE(lane.process({arrival, arrival}));
    return arrival.incoming.event.id;
  };
  fail_with = Error::invalid("/x", "range", "is wrong");
  fill(9'999, 1);
  const auto fits = set_aside_by_a_new_lane("tenant-acme", "o-2");
  EXPECT_EQ(last(fits), "t t 2");
  const auto cut = set_aside_by_a_new_lane("tenant-acme", "o-3");
  EXPECT_EQ(last(cut), "f f 2");

  fill(19'999, 10'000);
  EXPECT_EQ(last(set_aside_by_a_new_lane("tenant-acme", "o-4")), "none");
  EXPECT_EQ(last(set_aside_by_a_new_lane("", "o-5")), "none") << "nor of who does not say its name";
  EXPECT_EQ(database.value("SELECT string_agg(concat_ws(' ', reason, seen, whole), ', ' ORDER BY reason) FROM "
                           "messaging.dead_letters WHERE error LIKE 'not kept whole%' AND event_id <> $1",
                           {cut}),
            "invalid 4 f");
  EXPECT_EQ(last(set_aside_by_a_new_lane(publisher, "o-6")), "t t 2") << "what was accepted is nobody's to cut";

  database.exec("superuser", "UPDATE messaging.dead_letters SET state = 'dropped', settled_at = now()");
  EXPECT_EQ(last(set_aside_by_a_new_lane("tenant-acme", "o-7")), "t t 2") << "dropping makes room";
}

TEST_F(DeadLetterTest, HeadersFillTheRoomAsBodiesDo) {
  database.exec("superuser",
                "INSERT INTO messaging.dead_letters (dead_letter_id, worker, tenant_id, event_id, type, reason, error, "
                "attempts, vhost, exchange, routing_key, properties, body, created_at, last_seen_at, form) VALUES "
                "(gen_random_uuid(), 'metering', 'acme', gen_random_uuid(), 't', 'invalid', 'e', 1, 'v', 'x', 'k', "
                "(SELECT jsonb_object_agg(n::text, gen_random_uuid()) FROM generate_series(1, 100) n), '', $1, $1, "
                "'message')",
                {clock.now()});
  db::Connection connection(database.url("metering"), "test");
  db::Transaction tx(connection);
  DeadLetterBudget budget({.whole_letters = 10, .whole_bytes = 1000, .letters = 20});
  EXPECT_EQ(budget.admit(tx, "acme", 10, clock.now()), Keep::without_body);
  EXPECT_EQ(budget.admit(tx, "globex", 10, clock.now()), Keep::whole);
}

}  // namespace
}  // namespace tenantry::messaging::dead_letter_test
