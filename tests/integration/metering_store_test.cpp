// Goal: usage is counted once, exactly, in the window in which it happened.
// Method: the store's own statements with batches of every aggregation; then the whole
// worker on a lane, with random duplicates and batches, against a plain sum.
#include <gtest/gtest.h>

#include <random>

#include "events/proto_time.h"
#include "shared/db/run.h"
#include "tenantry/events/v1/usage.pb.h"
#include "tests/integration/lane_harness.h"
#include "workers/metering/store.h"
#include "workers/metering/worker.h"

namespace tenantry::metering::metering_store_test {
namespace {

using testing::must;
using testing::TestDatabase;

class MeteringStore : public ::testing::Test {
 protected:
  void SetUp() override {
    database.exec("superuser",
                  "INSERT INTO metering.metrics VALUES ('peak', 'max', 'x', 'monthly', NULL), ('calls', 'count', 'x', "
                  "'never', NULL)");
    in_transaction([&](db::Transaction& tx) { metrics = load_metrics(tx); });
  }

  void in_transaction(const std::function<void(db::Transaction&)>& work) {
    must(db::run(connection, {}, [&](db::Transaction& tx) -> Result<void> {
      work(tx);
      return {};
    }));
  }

  Usage usage(const std::string& metric, double quantity, const char* at = "2026-11-21T10:30:00Z",
              const std::string& key = {}, const std::string& member = {}) {
    return {.tenant_id = "acme",
            .metric = &metrics.at(metric),
            .quantity = quantity,
            .at = must(from_rfc3339(at)),
            .event_id = ids.next(),
            .idempotency_key = key,
            .member = member};
  }
  void count(std::vector<Usage> batch) {
    in_transaction([&](db::Transaction& tx) { add(tx, claim_keys(tx, std::move(batch), clock.now()), clock.now()); });
  }
  std::string counter(const std::string& metric, const std::string& span, const char* at = "2026-11-21T10:30:00Z") {
    return database.value(
        "SELECT coalesce(string_agg(trim_scale(quantity) || ' of ' || events, ', '), 'none') FROM metering.counters "
        "WHERE tenant_id = 'acme' "
        "AND metric = $1 AND span = $2 AND window_start = CASE $2 WHEN 'total' THEN timestamptz 'epoch' ELSE "
        "date_trunc($2, "
        "$3::timestamptz, 'UTC') END",
        {metric, span, at});
  }

  SystemClock clock;
  SystemIdGenerator ids{clock};
  TestDatabase database;
  db::Connection connection{database.url("metering"), "test"};
  Metrics metrics;
};

TEST_F(MeteringStore, TenTenthsAreExactlyOne) {
  count({usage("orders", 0.1), usage("orders", 0.1), usage("orders", 0.1)});
  for (int i = 0; i < 7; ++i) count({usage("orders", 0.1)});
  EXPECT_EQ(counter("orders", "hour"), "1 of 10");
  EXPECT_EQ(counter("orders", "month"), "1 of 10");
  EXPECT_EQ(counter("orders", "total"), "none");
}

TEST_F(MeteringStore, LateEventFallsIntoItsOwnWindows) {
  count({usage("orders", 1, "2026-11-21T10:59:59.999999Z"), usage("orders", 2, "2026-11-21T11:00:00Z")});
  count({usage("orders", 4, "2026-10-31T23:59:59Z")});
  EXPECT_EQ(counter("orders", "hour", "2026-11-21T10:00:00Z"), "1 of 1");
  EXPECT_EQ(counter("orders", "hour", "2026-11-21T11:00:00Z"), "2 of 1");
  EXPECT_EQ(counter("orders", "day"), "3 of 2");
  EXPECT_EQ(counter("orders", "month", "2026-10-01T00:00:00Z"), "4 of 1");
  EXPECT_EQ(counter("orders", "month"), "3 of 2");
}

TEST_F(MeteringStore, EachAggregationWithinABatchAndAcross) {
  count({usage("peak", 3), usage("peak", 9), usage("peak", 5), usage("calls", 1), usage("calls", 1),
         usage("storage_bytes", 10, "2026-11-21T10:30:00Z"), usage("storage_bytes", 7, "2026-11-21T10:31:00Z"),
         usage("active_users", 1, "2026-11-21T10:30:00Z", "", "ada"),
         usage("active_users", 1, "2026-11-21T10:30:00Z", "", "ada"),
         usage("active_users", 1, "2026-11-21T10:30:00Z", "", "bob")});
  EXPECT_EQ(counter("peak", "hour"), "9 of 3");
  EXPECT_EQ(counter("calls", "total"), "2 of 2");
  EXPECT_EQ(counter("storage_bytes", "total"), "7 of 2");
  EXPECT_EQ(counter("active_users", "month"), "2 of 3");

  count({usage("peak", 4), usage("calls", 1), usage("storage_bytes", 99, "2026-11-21T10:30:30Z"),
         usage("active_users", 1, "2026-11-21T12:30:00Z", "", "bob"),
         usage("active_users", 1, "2026-11-21T12:30:00Z", "", "eve")});
  EXPECT_EQ(counter("peak", "hour"), "9 of 4");
  EXPECT_EQ(counter("calls", "total"), "3 of 3");
  EXPECT_EQ(counter("storage_bytes", "total"), "7 of 3") << "an older statement does not replace a newer";
  EXPECT_EQ(counter("active_users", "month"), "3 of 5");
  EXPECT_EQ(counter("active_users", "hour", "2026-11-21T12:30:00Z"), "2 of 2");
}

// Of one instant, whichever arrives first: the same is shown.
TEST_F(MeteringStore, OfTwoLastStatementsOfOneInstantTheLargerIdCounts) {
  const auto smaller = usage("storage_bytes", 7);
  const auto larger = usage("storage_bytes", 10);
  ASSERT_LT(smaller.event_id, larger.event_id);
  for (const auto& batches :
       {std::vector<std::vector<Usage>>{{smaller}, {larger}}, {{larger}, {smaller}}, {{larger, smaller}}}) {
    database.exec("superuser", "DELETE FROM metering.counters");
    for (const auto& batch : batches) count(batch);
    for (const auto* span : {"hour", "day", "month", "total"})
      EXPECT_EQ(counter("storage_bytes", span), "10 of 2") << span;
  }
}

TEST_F(MeteringStore, IdempotencyKeyCountsOnceWithinABatchAndAcross) {
  count({usage("orders", 5, "2026-11-21T10:30:00Z", "k"), usage("orders", 5, "2026-11-21T10:30:00Z", "k"),
         usage("orders", 1)});
  count({usage("orders", 5, "2026-11-21T10:30:00Z", "k"), usage("orders", 2, "2026-11-21T10:30:00Z", "other")});
  EXPECT_EQ(counter("orders", "hour"), "8 of 3");
}

TEST_F(MeteringStore, IdempotencyKeyIsTheTenantsOwn) {
  auto other = usage("orders", 5, "2026-11-21T10:30:00Z", "k");
  other.tenant_id = "globex";
  count({usage("orders", 5, "2026-11-21T10:30:00Z", "k"), other});
  EXPECT_EQ(database.value("SELECT count(*)::text FROM metering.counters WHERE span = 'hour'"), "2");
}

TEST_F(MeteringStore, IdempotencyKeyIsTheMetricsOwn) {
  count({usage("orders", 5, "2026-11-21T10:30:00Z", "k"), usage("emails_sent", 2, "2026-11-21T10:30:00Z", "k")});
  count({usage("orders", 7, "2026-11-21T10:30:00Z", "k"), usage("emails_sent", 7, "2026-11-21T10:30:00Z", "k")});
  EXPECT_EQ(counter("orders", "hour"), "5 of 1");
  EXPECT_EQ(counter("emails_sent", "hour"), "2 of 1");
}

// Keys that were claimed before they were a metric's own go on counting once.
TEST_F(MeteringStore, IdempotencyKeyFromBeforeIsEveryMetrics) {
  database.exec("superuser",
                "INSERT INTO metering.idempotency_keys (tenant_id, metric, key, event_id, at) "
                "VALUES ('acme', '', 'k', gen_random_uuid(), now())");
  count({usage("orders", 5, "2026-11-21T10:30:00Z", "k"), usage("orders", 1, "2026-11-21T10:30:00Z", "other")});
  EXPECT_EQ(counter("orders", "hour"), "1 of 1");
}

TEST_F(MeteringStore, WhatThePlatformMeasuresIsData) {
  for (const auto* metric : {"api_calls", "clients", "storage_bytes", "users"})
    EXPECT_FALSE(metrics.at(metric).open) << metric;
  for (const auto* metric : {"orders", "emails_sent", "active_users"}) EXPECT_TRUE(metrics.at(metric).open) << metric;
}

TEST_F(MeteringStore, CrossingIsClaimedOncePerPeriod) {
  const auto month = must(from_rfc3339("2026-11-01T00:00:00Z"));
  const std::vector<Crossing> both = {{"acme", "api_calls", month, 80}, {"acme", "api_calls", month, 100}};
  std::vector<Crossing> first, again, later;
  in_transaction([&](db::Transaction& tx) { first = claim_crossings(tx, {both[0]}, clock.now()); });
  in_transaction([&](db::Transaction& tx) { again = claim_crossings(tx, both, clock.now()); });
  in_transaction([&](db::Transaction& tx) {
    later = claim_crossings(tx, {{"acme", "api_calls", next_month(month), 80}}, clock.now());
  });
  EXPECT_EQ(first, std::vector<Crossing>{both[0]});
  EXPECT_EQ(again, std::vector<Crossing>{both[1]});
  EXPECT_EQ(later.size(), 1U);
}

TEST_F(MeteringStore, CountersAreTheSumOverDistinctEventsHoweverTheyArrive) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto below = [&](int n) { return std::uniform_int_distribution{0, n - 1}(random); };
  const char* tenants[] = {"acme", "globex", "initech"};

  std::vector<messaging::Arrival> arrivals;
  std::map<std::string, std::int64_t> expected;  // by tenant, in tenths
  const auto at = clock.now();
  for (int i = 0; i < 300; ++i) {
    const std::string tenant = tenants[below(3)];
    const int tenths = below(50);
    events::v1::UsageRecorded message;
    message.set_metric("orders");
    message.set_quantity(tenths / 10.0);
    *message.mutable_at() = events::to_proto(at);
    const auto event = testing::event_of(tenant, message, ids, at);
    expected[tenant] += tenths;
    for (int copies = 1 + below(3); copies > 0; --copies) arrivals.push_back(testing::arrival_of(event));
  }
  std::ranges::shuffle(arrivals, random);

  testing::Recorder recorder;
  messaging::Lane lane(worker_spec({.database_url = database.url("metering")}), 0, clock, ids, recorder.hooks());
  lane.start();
  for (std::size_t from = 0; from < arrivals.size();) {
    const auto size = std::min<std::size_t>(static_cast<std::size_t>(1 + below(60)), arrivals.size() - from);
    const auto first = arrivals.begin() + static_cast<std::ptrdiff_t>(from);
    lane.push({first, first + static_cast<std::ptrdiff_t>(size)});
    from += size;
  }
  EXPECT_EQ(recorder.await_settled(arrivals.size()), arrivals.size());
  lane.stop();
  for (const auto& [tenant, tenths] : expected) {
    EXPECT_EQ(
        database.value(
            "SELECT (10 * sum(quantity))::bigint::text FROM metering.counters WHERE tenant_id = $1 AND span = 'month'",
            {tenant}),
        std::to_string(tenths));
  }
  EXPECT_EQ(database.value("SELECT sum(events)::text FROM metering.counters WHERE span = 'month'"), "300");
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.dead_letters"), "0");
  // One timer per tenant closes the month.
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.outbox WHERE timer_key IS NOT NULL"),
            std::to_string(expected.size()));
}

// Housekeeping went by the window: of the past, a member was forgotten within the minute, and counted again.
TEST_F(MeteringStore, AMemberOfAWindowLongAgoCountsOnceHoweverOftenTheHouseIsKept) {
  for (int i = 0; i < 3; ++i) {
    count({usage("active_users", 1, "2024-02-29T12:00:00Z", {}, "marie")});
    database.exec("runtime", "SELECT housekeeping.sweep($1)", {clock.now()});
  }
  EXPECT_EQ(counter("active_users", "day", "2024-02-29T12:00:00Z"), "1 of 3");
  EXPECT_EQ(counter("active_users", "month", "2024-02-29T12:00:00Z"), "1 of 3");
  database.exec("runtime", "SELECT housekeeping.sweep($1)", {clock.now() + Days{401}});
  EXPECT_EQ(database.value("SELECT count(*) FROM metering.unique_members"), "0");
}

TEST_F(MeteringStore, UsageOfATimeThatOnlyAnotherProcessHasSeenIsCounted) {
  database.exec("superuser", "UPDATE platform.clock SET offset_us = 30 * 86400000000::bigint");
  const auto day = std::chrono::hours{24};
  testing::Recorder recorder;
  messaging::Lane lane(worker_spec({.database_url = database.url("metering"), .test_clock = true}), 0, clock, ids,
                       recorder.hooks());
  lane.start();
  std::vector<messaging::Arrival> arrivals;
  for (const auto& [quantity, at] :
       {std::pair{1, clock.now()}, {2, clock.now() + 30 * day}, {4, clock.now() + 31 * day}}) {
    events::v1::UsageRecorded message;
    message.set_metric("orders");
    message.set_quantity(quantity);
    *message.mutable_at() = events::to_proto(at);
    arrivals.push_back(testing::arrival_of(testing::event_of("acme", message, ids, at)));
  }
  lane.push(std::move(arrivals));
  EXPECT_EQ(recorder.await_settled(3), 3U);
  lane.stop();
  EXPECT_EQ(database.value("SELECT sum(quantity)::int::text FROM metering.counters WHERE span = 'hour'"), "3");
  EXPECT_EQ(database.value("SELECT reason FROM messaging.dead_letters"), "invalid");  // the day after the jump
}

}  // namespace
}  // namespace tenantry::metering::metering_store_test
