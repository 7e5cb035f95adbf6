// Goal: what is counted where it is fills a plan's limit and no more, whoever makes it at once and in whatever way.
// Method: shared/tenancy/limits in transactions of the gateway's role, each with a client that it makes.
#include "shared/tenancy/limits.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "shared/db/run.h"
#include "tests/integration/lane_harness.h"

namespace tenantry::tenancy::limits_test {
namespace {

using testing::TestDatabase;

class ClientLimit : public ::testing::Test {
 protected:
  ClientLimit() {
    for (const char* tenant : {"acme", "globex"}) {
      database.add_tenant(tenant);
      database.exec("superuser", "INSERT INTO tenant_data.stores VALUES ($1, now())", {tenant});
    }
  }

  void set_limit(std::int64_t clients_max) {
    database.exec("superuser",
                  "INSERT INTO platform.overrides (tenant_id, name, value) VALUES ('acme', 'clients_max', "
                  "to_jsonb($1::bigint)) ON CONFLICT (tenant_id, name) DO UPDATE SET value = excluded.value",
                  {clients_max});
  }
  void add_clients(const std::string& tenant, int count) {  // by somebody who asks nobody
    database.exec(
        "superuser",
        "INSERT INTO tenant_data.clients SELECT $1, gen_random_uuid(), 'Client ' || n, '', gen_random_uuid(), "
        "now() FROM generate_series(1, $2::int) n",
        {tenant, count});
  }

  // As the gateway makes one: "ok", or why not.
  std::string make(db::Connection& through) {
    const auto done = db::run(through, {}, [&](db::Transaction& tx) -> Result<void> {
      if (auto room = reserve(tx, "acme", "clients", clock.now()); !room) return room.error();
      tx.send(
          "INSERT INTO tenant_data.clients VALUES ('acme', gen_random_uuid(), 'One', '', gen_random_uuid(), now())");
      return {};
    });
    return done ? "ok" : done.error().reason;
  }
  std::string make() { return make(connection); }
  std::string count() {
    return database.value("SELECT count(*)::text FROM tenant_data.clients WHERE tenant_id = 'acme'");
  }

  ManualClock clock{from_unix_seconds(1'800'000'000)};
  TestDatabase database;
  db::Connection connection{database.url("gateway"), "test"};
};

TEST_F(ClientLimit, AHundredAtOnceAtALimitOfTenGiveTen) {
  set_limit(10);
  constexpr int threads_count = 20;
  std::latch ready(threads_count);
  std::atomic<int> made{0}, refused{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < threads_count; ++i) {
    threads.emplace_back([&] {
      db::Connection own(database.url("gateway"), "test");
      EXPECT_TRUE(testing::eventually([&] {
        try {
          db::Transaction(own).exec("SELECT 1");
          return true;
        } catch (const db::Unavailable&) {
          return false;
        }
      }));
      ready.arrive_and_wait();
      for (int n = 0; n < 100 / threads_count; ++n) {
        const auto said = make(own);
        made += said == "ok" ? 1 : 0;
        refused += said == "limit_reached" ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(made.load(), 10);
  EXPECT_EQ(refused.load(), 90);
  EXPECT_EQ(count(), "10");
}

TEST_F(ClientLimit, WhateverMadeThemCounts) {
  set_limit(3);
  add_clients("globex", 5);  // another's are another's
  add_clients("acme", 2);
  EXPECT_EQ(make(), "ok");
  EXPECT_EQ(make(), "limit_reached");
  database.exec("superuser", "DELETE FROM tenant_data.clients WHERE name = 'One'");
  EXPECT_EQ(make(), "ok");
  db::Transaction tx(connection);
  const auto there = count_of(tx, "acme", "clients", clock.now());
  ASSERT_TRUE(there);
  EXPECT_EQ(there->used, 3);
  EXPECT_EQ(there->taken, 3);
  EXPECT_FALSE(count_of(tx, "acme", "api_calls", clock.now())) << "of these events tell";
}

TEST_F(ClientLimit, TheRefusalNamesWhatIsFull) {
  set_limit(0);
  const auto refused =
      db::run(connection, {}, [&](db::Transaction& tx) { return reserve(tx, "acme", "clients", clock.now()); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  ASSERT_EQ(refused.error().fields.size(), 1U);
  EXPECT_EQ(refused.error().fields[0].code, "clients");
  EXPECT_EQ(refused.error().fields[0].detail, "at most 0 clients");
}

TEST_F(ClientLimit, UnlimitedIsMinusOne) {
  set_limit(-1);
  add_clients("acme", 30);
  EXPECT_EQ(make(), "ok");
  database.exec("superuser", "DELETE FROM platform.overrides");
  database.exec("superuser",
                "UPDATE platform.tenants SET plan = 'FREE', plan_version = (SELECT max(version) FROM platform.plans "
                "WHERE plan = 'FREE') WHERE tenant_id = 'acme'");
  EXPECT_EQ(make(), "ok");
  add_clients("acme", 68);
  EXPECT_EQ(make(), "limit_reached") << "100 of the smallest plan";
}

// Users count with what was promised to them.
TEST_F(ClientLimit, InvitationsAreTakenSeats) {
  database.exec("superuser",
                "INSERT INTO platform.users (user_id, email, first_name, last_name, created_at) VALUES "
                "('00000000-0000-7000-8000-000000000001', 'a@acme.test', 'A', 'B', now())");
  database.exec("superuser",
                "INSERT INTO platform.memberships (tenant_id, user_id, role, state_since, created_at) VALUES "
                "('acme', '00000000-0000-7000-8000-000000000001', 'owner', now(), now())");
  const auto invite = [&](const char* email, Timestamp expires_at) {
    database.exec("superuser",
                  "INSERT INTO platform.invitations (invitation_id, tenant_id, email, role, locale, state, token_hash, "
                  "sendings, sent_at, created_at, expires_at) VALUES (gen_random_uuid(), 'acme', $1, 'viewer', 'fr', "
                  "'pending', sha256(convert_to($1, 'UTF8')), 1, ARRAY[now()], now(), $2)",
                  {email, expires_at});
  };
  invite("open@acme.test", clock.now() + Days{1});
  invite("over@acme.test", clock.now());
  db::Transaction tx(connection);
  const auto users = count_of(tx, "acme", "users", clock.now()).value();
  EXPECT_EQ(users.used, 1);
  EXPECT_EQ(users.taken, 2);
}

}  // namespace
}  // namespace tenantry::tenancy::limits_test
