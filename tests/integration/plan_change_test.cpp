// Goal: a chosen plan is what the tenant has: more at once, less when what is paid for is
// over and only if what is used fits; and the limits that bind are those of that plan.
// Method: shared/tenancy/terms and limits in transactions of the roles that call them.
#include <gtest/gtest.h>

#include <thread>

#include "shared/db/run.h"
#include "shared/messaging/outbox.h"
#include "shared/tenancy/limits.h"
#include "shared/tenancy/members.h"
#include "shared/tenancy/terms.h"
#include "tests/integration/lane_harness.h"

namespace tenantry::tenancy::plan_change_test {
namespace {

using testing::must;
using testing::TestDatabase;

constexpr const char* acme = "acme";

class PlanChanges : public ::testing::Test {
 protected:
  void SetUp() override {
    database.add_tenant(acme);
    set_plan("PROFESSIONAL");
  }

  void set_plan(const std::string& plan) {
    database.exec("superuser", "UPDATE platform.tenants SET status = 'active', plan = $1, plan_version = 1", {plan});
  }
  void pay_until(Timestamp end) {
    database.exec("superuser",
                  "INSERT INTO billing.stripe_subscriptions (stripe_subscription_id, tenant_id, status, "
                  "current_period_end, stated_at) VALUES ('sub_1', $1, 'active', $2, $3)",
                  {acme, end, clock.now()});
  }
  void use(const std::string& metric, const char* span, Timestamp window, int quantity) {
    database.exec("superuser",
                  "INSERT INTO metering.counters (tenant_id, metric, span, window_start, quantity, events, updated_at) "
                  "VALUES ($1, $2, "
                  "$3, $4, $5, 1, now())",
                  {acme, metric, span, window, quantity});
  }

  template <class Work>
  auto in(const std::string& role, const Work& work) {
    db::Connection connection(database.url(role), "test");
    decltype(work(std::declval<db::Transaction&>(), std::declval<messaging::Outbox&>())) out =
        Error{.code = Errc::unavailable};
    must(db::run(connection, {}, [&](db::Transaction& tx) -> Result<void> {
      messaging::Outbox outbox("/tenantry/" + role, events::Actor::service(role), ids, clock.now());
      out = work(tx, outbox);
      outbox.flush(tx);
      return {};
    }));
    return out;
  }

  // "now", "waits", "=" where nothing changed, or why not with the limits.
  std::string choose(const std::string& plan, bool at_once = false) {
    const auto chosen = in("gateway", [&](db::Transaction& tx, messaging::Outbox& outbox) {
      return choose_plan(tx, outbox, {.tenant_id = acme, .plan = plan, .asked_by = "tenant", .at_once = at_once});
    });
    if (!chosen) {
      std::string out = chosen.error().reason;
      for (const auto& field : chosen.error().fields) out += " " + field.code;
      return out;
    }
    if (!chosen->changed) return "=";
    return chosen->due_at ? "waits" : "now";
  }
  bool withdraw() {
    return must(in("gateway", [&](db::Transaction& tx, messaging::Outbox& outbox) {
      tx.set_tenant(acme);
      return withdraw_pending_plan(tx, outbox, acme, "tenant");
    }));
  }
  bool come_due(const std::string& plan) {
    return must(in("billing", [&](db::Transaction& tx, messaging::Outbox& outbox) {
      return apply_pending_plan(tx, outbox, acme, plan, period_end);
    }));
  }

  std::string plan() { return database.value("SELECT plan || ' ' || plan_version FROM platform.tenants"); }
  std::string pending() {
    return database.value("SELECT coalesce(string_agg(plan, ' '), '') FROM billing.plan_changes");
  }
  std::string told() {
    return database.value(
        "SELECT coalesce(string_agg(CASE WHEN timer_key IS NULL THEN type ELSE '@' || type END, ' ' ORDER BY timer_key "
        "NULLS FIRST, type), '') FROM messaging.outbox WHERE type LIKE 'plan.%'");
  }
  std::int64_t limit(const std::string& name) {
    db::Connection connection(database.url("gateway"), "test");
    db::Transaction tx(connection);
    return limit_of(load_limits(tx, acme, clock.now()), name);
  }

  ManualClock clock{from_unix_seconds(1'800'000'000)};
  const Timestamp period_end = clock.now() + Days{12};
  SystemIdGenerator ids{clock};
  TestDatabase database;
};

TEST_F(PlanChanges, MoreComesAtOnce) {
  pay_until(period_end);
  EXPECT_EQ(choose("ENTERPRISE"), "now");
  EXPECT_EQ(plan(), "ENTERPRISE 1");
  EXPECT_EQ(limit("users_max"), unlimited);
  EXPECT_EQ(choose("ENTERPRISE"), "=");
  EXPECT_EQ(told(), "plan.changed");
}

TEST_F(PlanChanges, LessComesWhenWhatIsPaidForIsOver) {
  pay_until(period_end);
  EXPECT_EQ(choose("STARTER"), "waits");
  EXPECT_EQ(plan(), "PROFESSIONAL 1");
  EXPECT_EQ(pending(), "STARTER");
  EXPECT_EQ(told(), "plan.change_scheduled @plan.change_due");
  EXPECT_EQ(choose("STARTER"), "=");
  EXPECT_FALSE(come_due("FREE")) << "a timer of another change";
  EXPECT_EQ(plan(), "PROFESSIONAL 1");
  EXPECT_TRUE(come_due("STARTER"));
  EXPECT_EQ(plan(), "STARTER 1");
  EXPECT_EQ(limit("users_max"), 5);
  EXPECT_FALSE(come_due("STARTER")) << "told twice";
  EXPECT_EQ(pending(), "");
}

TEST_F(PlanChanges, LessComesAtOnceWhereNothingIsPaidForOrSoAsked) {
  EXPECT_EQ(choose("STARTER"), "now");
  set_plan("PROFESSIONAL");
  pay_until(period_end);
  EXPECT_EQ(choose("FREE", true), "now");
  EXPECT_EQ(plan(), "FREE 1");
}

TEST_F(PlanChanges, WhatWaitsIsWithdrawnOrReplaced) {
  pay_until(period_end);
  EXPECT_EQ(choose("STARTER"), "waits");
  EXPECT_TRUE(withdraw());
  EXPECT_FALSE(withdraw());
  EXPECT_FALSE(come_due("STARTER"));
  EXPECT_EQ(choose("STARTER"), "waits");
  EXPECT_EQ(choose("FREE"), "waits");
  EXPECT_EQ(pending(), "FREE");
  EXPECT_EQ(choose("PROFESSIONAL"), "now") << "the plan it has: nothing is to come";
  EXPECT_EQ(pending(), "");
  EXPECT_EQ(choose("STARTER"), "waits");
  EXPECT_EQ(choose("ENTERPRISE"), "now") << "more, meanwhile";
  EXPECT_EQ(pending(), "");
  EXPECT_FALSE(come_due("STARTER"));
  EXPECT_EQ(plan(), "ENTERPRISE 1");
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.outbox WHERE timer_key = 'acme/plan'"), "0");
}

TEST_F(PlanChanges, WhatIsUsedMustFit) {
  const auto month = floor_month(clock.now());
  use("api_calls", "month", month, 10'001);
  use("api_calls", "month", month - Days{40}, 1);
  use("storage_bytes", "total", from_unix_seconds(0), 200'000'000);
  EXPECT_EQ(choose("STARTER"), "plan_exceeded api_calls_max");
  EXPECT_EQ(choose("FREE"), "plan_exceeded api_calls_max storage_bytes_max");
  EXPECT_EQ(plan(), "PROFESSIONAL 1");
  database.exec("superuser", "INSERT INTO platform.overrides VALUES ($1, 'api_calls_max', '20000')", {acme});
  EXPECT_EQ(choose("STARTER"), "now") << "the tenant's own limit counts under any plan";
}

// Asked by the gateway when it is chosen, and by billing when it comes.
TEST_F(PlanChanges, ClientsMustFitToo) {
  const auto add_clients = [&](int count) {
    database.exec(
        "superuser",
        "INSERT INTO tenant_data.clients SELECT $1, gen_random_uuid(), 'Client ' || n, '', gen_random_uuid(), "
        "now() FROM generate_series(1, $2::int) n",
        {acme, count});
  };
  database.exec("superuser", "INSERT INTO tenant_data.stores VALUES ($1, now())", {acme});
  pay_until(period_end);
  add_clients(101);
  EXPECT_EQ(choose("FREE"), "plan_exceeded clients_max");
  EXPECT_EQ(choose("STARTER"), "waits");
  add_clients(1900);
  EXPECT_FALSE(come_due("STARTER"));
  EXPECT_EQ(plan(), "PROFESSIONAL 1");
  EXPECT_EQ(pending(), "");
}

TEST_F(PlanChanges, SeatsMustFitToo) {
  database.exec("superuser",
                "INSERT INTO platform.invitations (invitation_id, tenant_id, email, role, locale, state, token_hash, "
                "sendings, sent_at, created_at, expires_at) SELECT gen_random_uuid(), $1, n || '@acme.test', 'viewer', "
                "'fr', 'pending', sha256(convert_to(n::text, 'UTF8')), 1, ARRAY[now()], now(), $2 FROM "
                "generate_series(1, 6) n",
                {acme, clock.now() + Days{1}});
  EXPECT_EQ(choose("STARTER"), "plan_exceeded users_max");
  clock.advance(Days{1});
  EXPECT_EQ(choose("STARTER"), "now") << "what nobody accepts any more is no seat";
}

TEST_F(PlanChanges, WhatDoesNotFitAnyMoreDoesNotCome) {
  pay_until(period_end);
  EXPECT_EQ(choose("STARTER"), "waits");
  use("api_calls", "month", floor_month(clock.now()), 10'001);
  EXPECT_FALSE(come_due("STARTER"));
  EXPECT_EQ(plan(), "PROFESSIONAL 1");
  EXPECT_EQ(pending(), "");
}

TEST_F(PlanChanges, WhatTheCatalogueOrTheStatusForbidsIsRefused) {
  EXPECT_EQ(choose("GOLD"), "invalid_input unknown_plan");
  for (const char* status : {"pending", "cancelled", "deleted"}) {
    database.exec("superuser", "UPDATE platform.tenants SET status = $1", {status});
    EXPECT_EQ(choose("ENTERPRISE"), "plan_not_changeable") << status;
  }
}

// FREE needs no payment, so nobody stays suspended for want of one.
TEST_F(PlanChanges, AFreePlanEndsASuspensionForWantOfPayment) {
  const auto suspend = [&](const char* reason, const char* admins) {
    set_plan("PROFESSIONAL");
    database.exec("superuser",
                  "UPDATE platform.tenants SET status = 'suspended', status_reason = $1, suspension = $2, resumes_to = "
                  "CASE $2 WHEN '' THEN NULL ELSE 'suspended' END",
                  {reason, admins});
  };
  const auto standing = [&] {
    return database.value("SELECT concat_ws(' ', status, status_reason, resumes_to) FROM platform.tenants");
  };
  for (const char* reason : {"trial_expired", "payment_failed", "paused"}) {
    suspend(reason, "");
    EXPECT_EQ(choose("STARTER"), "now");
    EXPECT_EQ(standing(), std::string("suspended ") + reason) << "it costs something";
    EXPECT_EQ(choose("FREE"), "now");
    EXPECT_EQ(standing(), "active free_plan");
    EXPECT_EQ(choose("ENTERPRISE"), "subscription_needed") << "FREE is no way around a payment";
  }
  EXPECT_EQ(database.value("SELECT count(*) FROM messaging.outbox WHERE type = 'tenant.activated'"), "3");
  suspend("abuse", "abuse");
  EXPECT_EQ(choose("FREE"), "now");
  EXPECT_EQ(standing(), "suspended abuse active") << "an admin lifts it";

  suspend("payment_failed", "");
  pay_until(period_end);
  EXPECT_EQ(choose("FREE"), "waits");
  EXPECT_TRUE(come_due("FREE"));
  EXPECT_EQ(standing(), "active free_plan");
}

// A tenant of a free plan is active by whatever reason; what is past due is not paid for, though its period goes on.
TEST_F(PlanChanges, AFreePlanIsLeftByPaying) {
  const auto subscription = [&](const char* status) {
    database.exec("superuser", "UPDATE billing.stripe_subscriptions SET status = $1", {status});
  };
  pay_until(period_end);
  for (const char* reason : {"free_plan", "", "reactivated", "resumed by an admin"}) {
    for (const char* tenant : {"active", "suspended"}) {
      set_plan("FREE");
      database.exec("superuser", "UPDATE platform.tenants SET status = $1, status_reason = $2", {tenant, reason});
      for (const char* owed : {"past_due", "unpaid", "canceled", "incomplete", "paused"}) {
        subscription(owed);
        EXPECT_EQ(choose("STARTER"), "subscription_needed") << tenant << " " << reason << " " << owed;
      }
    }
  }
  EXPECT_EQ(plan(), "FREE 1");
  for (const char* paid : {"active", "trialing"}) {
    set_plan("FREE");
    subscription(paid);
    EXPECT_EQ(choose("STARTER"), "now") << paid;
  }
  set_plan("FREE");
  subscription("canceled");
  database.exec("superuser", "UPDATE platform.tenants SET status = 'trial'");
  EXPECT_EQ(choose("STARTER"), "now") << "a trial asks for nothing, and ends by itself";
}

// A version of the catalogue binds who subscribed to it.
TEST_F(PlanChanges, PinnedTenantKeepsItsVersion) {
  set_plan("STARTER");
  database.exec("superuser",
                "INSERT INTO platform.plans SELECT plan, 2, price_minor, currency, modules, resource_tier, "
                "stripe_price_ids, position, created_at, audit_retention_months, limits || '{\"users_max\": 3}' FROM "
                "platform.plans WHERE plan IN ('STARTER', 'PROFESSIONAL')");
  EXPECT_EQ(limit("users_max"), 5);
  EXPECT_EQ(choose("STARTER"), "=");
  EXPECT_EQ(plan(), "STARTER 1");
  EXPECT_EQ(choose("PROFESSIONAL"), "now");
  EXPECT_EQ(plan(), "PROFESSIONAL 2") << "whoever subscribes now gets what is sold now";
  EXPECT_EQ(limit("users_max"), 3);
}

TEST_F(PlanChanges, OverrideCountsUntilItEnds) {
  database.exec("superuser",
                "INSERT INTO platform.overrides (tenant_id, name, value, ends_at) VALUES ($1, 'users_max', '40', $2), "
                "($1, 'api_calls_max', '\"many\"', NULL)",
                {acme, clock.now() + Days{1}});
  EXPECT_EQ(limit("users_max"), 40);
  EXPECT_EQ(limit("api_calls_max"), 100'000) << "what is no number is no limit";
  clock.advance(Days{2});
  EXPECT_EQ(limit("users_max"), 25);
  EXPECT_EQ(limit("orders_max"), unlimited);
  database.exec("superuser", "INSERT INTO platform.overrides VALUES ($1, 'orders_max', '5')", {acme});
  EXPECT_EQ(limit("orders_max"), 5) << "also one that the tenant's version of the plan does not name";
}

TEST_F(PlanChanges, WhoeverInvitesCanCountSeats) {
  for (const char* role : {"gateway", "signup"}) {
    db::Connection connection(database.url(role), "test");
    db::Transaction tx(connection);
    EXPECT_EQ(count_seats(tx, acme, clock.now()).users_max, 25) << role;
  }
}

TEST_F(PlanChanges, FiftyAtOnceEndInOne) {
  pay_until(period_end);
  const char* plans[] = {"FREE", "STARTER", "PROFESSIONAL", "ENTERPRISE"};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 5; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 10; ++i) choose(plans[(thread + i) % 4]);
    });
  }
  for (auto& thread : threads) thread.join();
  const auto one = database.value("SELECT count(*)::text FROM messaging.outbox WHERE timer_key = 'acme/plan'");
  EXPECT_EQ(one, pending().empty() ? "0" : "1");
  EXPECT_EQ(plan(), "ENTERPRISE 1") << "which nobody leaves before its period is over";
}

}  // namespace
}  // namespace tenantry::tenancy::plan_change_test
