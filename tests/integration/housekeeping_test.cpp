// Goal: no table grows for ever, and nothing goes that something still rests on.
#include <gtest/gtest.h>

#include "shared/db/connection.h"
#include "tests/support/services.h"

namespace tenantry::housekeeping_test {
namespace {

using testing::TestDatabase;

class Housekeeping : public ::testing::Test {
 protected:
  Timestamp now = *from_rfc3339("2026-06-15T12:00:00Z");

  // Sweeps as a process does it; what was removed, by relation.
  std::string sweep() {
    return std::string(
        database
            .exec("runtime",
                  "SELECT coalesce(string_agg(relation || ' ' || removed || CASE WHEN more THEN ' more' "
                  "ELSE '' END, ', ' ORDER BY relation), '') FROM housekeeping.sweep($1) WHERE removed > 0",
                  {now})[0]
            .text(0));
  }
  std::string count(const std::string& of) { return database.value("SELECT count(*) FROM " + of); }

  TestDatabase database;
};

TEST_F(Housekeeping, EveryTableHasARule) {
  EXPECT_EQ(database.value("SELECT coalesce(string_agg(n.nspname || '.' || c.relname, ', '), 'none') FROM pg_class c "
                           "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') "
                           "AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'guard') "
                           "AND NOT (c.relispartition AND c.relname ~ '_[0-9]{4}_[0-9]{2}$') "
                           "AND NOT EXISTS (SELECT FROM housekeeping.rules r WHERE r.relation = c.oid)"),
            "none")
      << "say in housekeeping.rules how long its rows are kept (docs/housekeeping.md)";
}

// Rules are made of text: each must be a statement, on whatever rows there are.
TEST_F(Housekeeping, EveryRuleRunsByAnIndexOrOnFewRows) {
  EXPECT_EQ(sweep(), "");
  for (const auto row : database.exec("superuser",
                                      "SELECT relation::text, over FROM housekeeping.rules "
                                      "WHERE keep IS NOT NULL")) {
    db::Connection connection(database.url("owner"), "test");
    db::Transaction tx(connection);
    tx.exec("SET LOCAL enable_seqscan = off");
    std::string plan;
    std::string over(row.text(1));
    over.replace(over.find("$1"), 2, "timestamptz '2026-01-01'");
    for (const auto line : tx.exec("EXPLAIN SELECT ctid FROM " + std::string(row.text(0)) + " WHERE " + over)) {
      plan += std::string(line.text(0)) + "\n";
    }
    EXPECT_EQ(plan.find("Seq Scan"), std::string::npos) << row.text(0) << "\n" << plan;
  }
}

TEST_F(Housekeeping, WhatIsOverGoesAndWhatIsNotStays) {
  database.add_tenant("acme");
  const auto at = [&](Timestamp when) { return "'" + to_rfc3339(when) + "'"; };
  const auto old = at(now - Days{41});
  const auto young = at(now - Days{39});
  database.exec("superuser",
                "INSERT INTO messaging.inbox (event_id, worker, handled_at) VALUES "
                "('00000000-0000-7000-8000-000000000001', 'audit', " +
                    old +
                    "), "
                    "('00000000-0000-7000-8000-000000000002', 'audit', " +
                    young + ")");
  database.exec("superuser",
                "INSERT INTO metering.idempotency_keys (tenant_id, metric, key, event_id, at) VALUES "
                "('acme', 'orders', 'old', gen_random_uuid(), " +
                    old +
                    "), "
                    "('acme', 'orders', 'young', gen_random_uuid(), " +
                    young + ")");
  database.exec("superuser", "INSERT INTO platform.idempotency_keys VALUES ('s', 'old', '', 200, '', " + old +
                                 "), "
                                 "('s', 'young', '', 200, '', " +
                                 at(now - Seconds{10}) + ")");
  EXPECT_EQ(sweep(), "messaging.inbox_foreign 1, metering.idempotency_keys 1, platform.idempotency_keys 1");
  EXPECT_EQ(sweep(), "");
  EXPECT_EQ(count("messaging.inbox WHERE event_id = '00000000-0000-7000-8000-000000000002'"), "1");
  EXPECT_EQ(database.value("SELECT string_agg(key, ' ') FROM metering.idempotency_keys"), "young");
  EXPECT_EQ(database.value("SELECT string_agg(key, ' ') FROM platform.idempotency_keys"), "young");
}

// Of what was handled another copy, refused for its headers, may be a dead letter: that it counted is known from the
// inbox alone (replay --verify), for as long as the letter is there.
TEST_F(Housekeeping, WhatADeadLetterIsACopyOfStaysKnown) {
  for (const char* worker : {"audit", "metering"}) {
    database.exec("superuser",
                  "INSERT INTO messaging.inbox (event_id, worker, handled_at) VALUES "
                  "('00000000-0000-7000-8000-000000000001', $1, $2)",
                  {worker, now - Days{41}});
  }
  database.exec(
      "superuser",
      "INSERT INTO messaging.dead_letters (dead_letter_id, worker, tenant_id, event_id, type, reason, error, "
      "attempts, vhost, exchange, routing_key, properties, body, created_at, last_seen_at) VALUES "
      "(gen_random_uuid(), 'metering', 'acme', '00000000-0000-7000-8000-000000000001', 't', 'refused', 'e', 1, "
      "'v', 'x', 'k', '{}', '', $1, $1)",
      {now - Days{41}});
  EXPECT_EQ(sweep(), "messaging.inbox_foreign 1");
  EXPECT_EQ(database.value("SELECT string_agg(worker, ' ') FROM messaging.inbox"), "metering");
  database.exec("superuser", "DELETE FROM messaging.dead_letters");
  EXPECT_EQ(sweep(), "messaging.inbox_foreign 1");
}

// Sent again, an event whose publisher named no time is still of the time it came at.
TEST_F(Housekeeping, ArrivalOfADeadLetterStaysKnown) {
  database.exec("superuser",
                "INSERT INTO messaging.arrivals VALUES ('00000000-0000-7000-8000-000000000001', $1), "
                "('00000000-0000-7000-8000-000000000002', $1), ('00000000-0000-7000-8000-000000000003', $2)",
                {now - Days{41}, now - Days{39}});
  database.exec(
      "superuser",
      "INSERT INTO messaging.dead_letters (dead_letter_id, worker, tenant_id, event_id, type, reason, error, "
      "attempts, vhost, exchange, routing_key, properties, body, created_at, last_seen_at) VALUES "
      "(gen_random_uuid(), 'metering', 'acme', '00000000-0000-7000-8000-000000000001', 't', 'invalid', 'e', 1, "
      "'v', 'x', 'k', '{}', '', $1, $1)",
      {now - Days{41}});
  EXPECT_EQ(sweep(), "messaging.arrivals 1");
  EXPECT_EQ(
      database.value("SELECT string_agg(right(event_id::text, 1), ' ' ORDER BY event_id) FROM messaging.arrivals"),
      "1 3");
}

TEST_F(Housekeeping, HoursOfUsageGoAfterAYearAndNothingElseOfIt) {
  database.add_tenant("acme");
  for (const auto age : {Days{399}, Days{401}}) {
    database.exec("superuser",
                  "INSERT INTO metering.counters SELECT 'acme', 'orders', span, $1, 1, 1, NULL, NULL, now() FROM "
                  "unnest(ARRAY['hour', 'day', 'month', 'total']) AS span",
                  {now - age});
  }
  EXPECT_EQ(sweep(), "metering.counters 1");
  EXPECT_EQ(database.value("SELECT string_agg(span || ' ' || n, ', ' ORDER BY span) FROM (SELECT span, count(*) AS n "
                           "FROM metering.counters GROUP BY span) AS s"),
            "day 2, hour 1, month 2, total 2");
}

TEST_F(Housekeeping, OnlySettledDeadLettersGo) {
  for (const char* state : {"waiting", "redriven", "dropped"}) {
    database.exec(
        "superuser",
        "INSERT INTO messaging.dead_letters (dead_letter_id, worker, tenant_id, event_id, type, reason, error, "
        "attempts, vhost, exchange, routing_key, properties, body, created_at, last_seen_at, state, settled_at) "
        "VALUES (gen_random_uuid(), 'audit', 'acme', gen_random_uuid(), 't', 'invalid', 'e', 1, 'v', 'x', 'k', "
        "'{}', '', $1, $1, $2, CASE WHEN $2 <> 'waiting' THEN $1::timestamptz END)",
        {now - Days{31}, state});
  }
  EXPECT_EQ(sweep(), "messaging.dead_letters 2");
  EXPECT_EQ(database.value("SELECT string_agg(state, ' ') FROM messaging.dead_letters"), "waiting");
}

TEST_F(Housekeeping, StripesIdsStayForEverAndBodiesOnlyWhereTheyAreOfUse) {
  for (const char* state : {"published", "ignored", "parked"}) {
    database.exec("superuser",
                  "INSERT INTO billing.stripe_events (stripe_event_id, type, state, stated_at, body, "
                  "body_hash, received_at) VALUES ('evt_' || $2, 't', $2, $1, 'bytes', 'h', $1)",
                  {now - Days{2'000}, state});
  }
  EXPECT_EQ(sweep(), "billing.stripe_events 2");
  EXPECT_EQ(sweep(), "");
  EXPECT_EQ(database.value("SELECT string_agg(stripe_event_id || ' ' || length(body), ', ' ORDER BY stripe_event_id) "
                           "FROM billing.stripe_events"),
            "evt_ignored 0, evt_parked 5, evt_published 0");
}

TEST_F(Housekeeping, MonthsOfTheInboxLeaveWholeOnceTheirLastEventIsOld) {
  for (const char* month : {"2026-03-10T00:00:00Z", "2026-04-10T00:00:00Z", "2026-05-10T00:00:00Z"}) {
    database.exec("runtime", "SELECT messaging.ensure_inbox_partitions($1)", {*from_rfc3339(month)});
  }
  for (const auto& [at, removed] :
       {std::pair{"2026-05-10T23:59:59Z", ""}, std::pair{"2026-05-11T00:00:00Z", "messaging.inbox 1"},
        std::pair{"2026-06-09T23:59:59Z", ""}, std::pair{"2026-06-10T00:00:00Z", "messaging.inbox 1"}}) {
    now = *from_rfc3339(at);
    EXPECT_EQ(sweep(), removed) << at;
  }
  EXPECT_EQ(database.value("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname ~ "
                           "'^inbox_2026_0[1-6]$'"),
            "inbox_2026_05 inbox_2026_06");
}

TEST_F(Housekeeping, AFullBatchSaysThatThereIsMoreAndASecondSweeperDoesNothing) {
  database.exec(
      "superuser",
      "INSERT INTO platform.idempotency_keys SELECT 's', i::text, '', 200, '', $1 FROM generate_series(1, 1500) AS i",
      {now - Days{2}});
  db::Connection other(database.url("runtime"), "test");
  {
    db::Transaction tx(other);
    tx.exec("SELECT * FROM housekeeping.sweep($1)", {now - Days{100}});
    EXPECT_EQ(sweep(), "") << "somebody else is at it";
  }
  EXPECT_EQ(sweep(), "platform.idempotency_keys 1000 more");
  EXPECT_EQ(sweep(), "platform.idempotency_keys 500");
}

TEST_F(Housekeeping, NoServiceMayMoreThanAsk) {
  for (const char* role : {"gateway", "billing", "analyst"}) {
    EXPECT_ANY_THROW(database.exec(role, "SELECT * FROM housekeeping.sweep(now())")) << role;
  }
  for (const char* sql : {"UPDATE housekeeping.rules SET keep = '0'", "SELECT * FROM housekeeping.rules",
                          "SELECT housekeeping.drop_inbox_months(now())"}) {
    EXPECT_ANY_THROW(database.exec("runtime", sql)) << sql;
  }
}

}  // namespace
}  // namespace tenantry::housekeeping_test
