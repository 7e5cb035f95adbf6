// Goal: a tenant's account holds whatever any process was told, and its plan and trial
// follow its subscription.
// Method: the store on two connections at once; then the worker on a lane.
#include <gtest/gtest.h>

#include <future>

#include "events/proto_time.h"
#include "shared/db/run.h"
#include "tenantry/events/v1/billing.pb.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tests/integration/lane_harness.h"
#include "workers/billing/account.h"
#include "workers/billing/statement.h"
#include "workers/billing/store.h"
#include "workers/billing/worker.h"

namespace tenantry::billing {
namespace {

using testing::must;
using testing::TestDatabase;
namespace v1 = events::v1;

class BillingStore : public ::testing::Test {
 protected:
  void SetUp() override { database.add_tenant("acme"); }

  // One process handles one event: what it read, it changes and writes. `between` runs after it has read.
  void handle(const std::string& subscription, const std::function<void()>& between) {
    db::Connection connection(database.url("billing"), "test");
    must(db::run(connection, {}, [&](db::Transaction& tx) -> Result<void> {
      auto tenants = load_tenants(tx, {"acme"}, {}, clock.now());
      between();
      auto& tenant = tenants.at("acme");
      const Subscription stated{.stripe_subscription_id = subscription,
                                .tenant_id = "acme",
                                .status = subscription == "sub_ended" ? "canceled" : "active",
                                .stated_at = clock.now()};
      book(tenant.facts.subscriptions, stated);
      tenant.account = account_of(tenant.facts);
      std::erase_if(tenant.facts.subscriptions,
                    [&](const Subscription& each) { return each.stripe_subscription_id != subscription; });
      save_accounts(tx, tenants, {"acme"}, clock.now());
      save_subscriptions(tx, tenant.facts.subscriptions);
      return {};
    }));
  }

  // The other is done, or waits for us.
  void await_blocked(const std::future<void>& other) {
    ASSERT_TRUE(testing::eventually([&] {
      return other.wait_for(std::chrono::seconds{0}) == std::future_status::ready ||
             database.value(
                 "SELECT count(*)::text FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT "
                 "l.granted AND a.datname = current_database()") != "0";
    }));
  }

  SystemClock clock;
  TestDatabase database;
};

// While a tenant moves from "platform" to its own vhost, two processes may hold its events. One hears that a
// subscription ended, the other that another one lives: whoever writes last must know both.
TEST_F(BillingStore, TwoProcessesLoseNothingOfEachOther) {
  std::future<void> other;
  handle("sub_lives", [&] {
    other = std::async(std::launch::async, [&] { handle("sub_ended", [] {}); });
    await_blocked(other);
  });
  other.get();
  EXPECT_EQ(database.value("SELECT state FROM billing.accounts WHERE tenant_id = 'acme'"), "current");
}

TEST_F(BillingStore, KeepsWhatItIsGiven) {
  db::Connection connection(database.url("billing"), "test");
  const auto at = from_unix_seconds(1'800'000'000);
  Facts facts;
  book(facts.subscriptions, {.stripe_subscription_id = "sub_1",
                             .tenant_id = "acme",
                             .status = "past_due",
                             .items = {{"si_1", "price_starter", 2}, {"si_2", "price_metered", 0}},
                             .trial_end = at,
                             .stated_at = at});
  auto confirmed = facts.subscriptions[0];
  confirmed.stated_at += Seconds{5};
  confirmed.history = {{confirmed.stated_at, confirmed.status, true}};
  book(facts.subscriptions, confirmed);
  facts.invoices = {{.stripe_invoice_id = "in_open",
                     .tenant_id = "acme",
                     .stripe_subscription_id = "sub_1",
                     .billing_reason = "subscription_cycle",
                     .failed_at = at,
                     .failed_last_at = at + Days{1},
                     .number = "A-1",
                     .amount_minor = 4900,
                     .currency = "EUR",
                     .url = "https://invoice.example",
                     .issued_at = at,
                     .stated_at = at,
                     .stripe_event_id = "evt_1"},
                    {.stripe_invoice_id = "in_paid",
                     .tenant_id = "acme",
                     .stripe_subscription_id = "sub_1",
                     .status = InvoiceStatus::paid,
                     .closed_at = at,
                     .stated_at = at}};
  std::map<std::string, TenantBilling> loaded;
  must(db::run(connection, {}, [&](db::Transaction& tx) -> Result<void> {
    save_subscriptions(tx, facts.subscriptions);
    save_invoices(tx, facts.invoices);
    loaded = load_tenants(tx, {"acme"}, {}, clock.now());
    return {};
  }));
  const auto& tenant = loaded.at("acme");
  ASSERT_EQ(tenant.facts.subscriptions.size(), 1U);
  EXPECT_EQ(tenant.facts.subscriptions[0].history, facts.subscriptions[0].history);
  EXPECT_EQ(tenant.facts.subscriptions[0].items, facts.subscriptions[0].items);
  EXPECT_EQ(tenant.facts.subscriptions[0].trial_end, at);
  ASSERT_EQ(tenant.facts.invoices.size(), 2U);
  EXPECT_EQ(tenant.facts.invoices[0].failed_last_at, at + Days{1});
  EXPECT_EQ(tenant.facts.invoices[1].closed_at, at);
  EXPECT_EQ(tenant.account, account_of(facts));
}

// ---- the worker ----------------------------------------------------------------------------------------------------

class Billing : public ::testing::Test {
 protected:
  void SetUp() override {
    database.add_tenant("acme");
    lane.start();
  }
  void TearDown() override { lane.stop(); }

  v1::SubscriptionFacts subscription(const std::string& status, const std::string& price, int day = 0) {
    v1::SubscriptionFacts facts;
    facts.set_stripe_subscription_id("sub_1");
    facts.set_status(status);
    facts.add_items()->set_price_id(price);
    *facts.mutable_stated_at() = events::to_proto(start + Days{day});
    facts.set_stripe_event_id("evt_" + std::to_string(day));
    return facts;
  }

  // Each settled before the next.
  template <class M>
  void hear(const M& message) {
    lane.push({testing::arrival_of(testing::event_of("acme", message, ids, start), ++sent)});
    ASSERT_EQ(recorder.await_settled(sent), sent);
  }
  void hear_update(v1::SubscriptionFacts facts) {
    v1::SubscriptionUpdated message;
    *message.mutable_subscription() = std::move(facts);
    hear(message);
  }
  std::string tenant(const std::string& columns) {
    return database.value("SELECT concat_ws(' ', " + columns + ") FROM platform.tenants");
  }
  int published(const std::string& type) {
    const auto rows = recorder.published();
    return static_cast<int>(std::ranges::count(rows, type, &messaging::OutboxRow::type));
  }

  const Timestamp start = from_unix_seconds(1'800'000'000);
  ManualClock clock{start};
  SystemIdGenerator ids{clock};
  TestDatabase database;
  testing::Recorder recorder;
  BillingConfig config{.database_url = database.url("billing")};
  messaging::Lane lane{worker_spec(config), 0, clock, ids, recorder.hooks()};
  std::size_t sent = 0;
};

// S25: the item whose price a plan names; and when it moves, the plan moves.
TEST_F(Billing, PlanFollowsThePrice) {
  auto facts = subscription("active", "price_metered");
  facts.add_items()->set_price_id("price_professional");
  hear_update(facts);
  EXPECT_EQ(tenant("plan, plan_version"), "PROFESSIONAL 1");
  hear_update(subscription("active", "price_enterprise", 1));
  EXPECT_EQ(tenant("plan, plan_version"), "ENTERPRISE 1");
  hear_update(subscription("active", "price_enterprise", 2));
  EXPECT_EQ(published("plan.changed"), 2);
  EXPECT_GE(published("platform.tenant_changed"), 2) << "what is cached of its limits is stale";
}

// A price decides when it changes; what was chosen since then stands, whatever else is stated.
TEST_F(Billing, ChosenPlanStandsUntilThePriceChanges) {
  hear_update(subscription("active", "price_professional"));
  database.exec("superuser", "UPDATE platform.tenants SET plan = 'ENTERPRISE'");
  hear_update(subscription("active", "price_professional", 1));
  EXPECT_EQ(tenant("plan"), "ENTERPRISE");
  database.exec("superuser", "INSERT INTO billing.plan_changes VALUES ('acme', 'FREE', 1, $1, $1, 'tenant')",
                {start + Days{20}});
  hear_update(subscription("active", "price_starter", 2));
  EXPECT_EQ(tenant("plan"), "STARTER");
  EXPECT_EQ(published("plan.change_withdrawn"), 1) << "Stripe's is the newer word";
  database.exec("superuser", "UPDATE platform.tenants SET plan = 'ENTERPRISE'");
  hear_update(subscription("canceled", "price_starter", 3));
  hear_update(subscription("active", "price_starter", 4));
  EXPECT_EQ(tenant("plan"), "STARTER") << "a subscription that begins anew";
}

TEST_F(Billing, StalePriceChangesNothing) {
  hear_update(subscription("active", "price_enterprise", 5));
  hear_update(subscription("active", "price_professional", 1));
  EXPECT_EQ(tenant("plan"), "ENTERPRISE");
}

// S23: the later of our trial's end and the subscription's, wherever that moves.
TEST_F(Billing, TrialEndsWithTheSubscriptionsTrial) {
  database.exec("superuser", "UPDATE platform.tenants SET status = 'trial', trial_ends_at = $1", {start + Days{14}});
  const auto trialing_until = [&](int days, int stated_on) {
    auto facts = subscription("trialing", "price_starter", stated_on);
    *facts.mutable_trial_end() = events::to_proto(start + Days{days});
    hear_update(facts);
    return tenant("extract(day FROM trial_ends_at - '" + to_rfc3339(start) + "'::timestamptz)");
  };
  EXPECT_EQ(trialing_until(30, 0), "30");
  EXPECT_EQ(trialing_until(20, 1), "20");
  EXPECT_EQ(trialing_until(7, 2), "14") << "ours is not cut short";
  EXPECT_EQ(database.value("SELECT extract(day FROM available_at - $1)::text FROM messaging.outbox WHERE timer_key = "
                           "'acme/trial.ended'",
                           {start}),
            "14");
}

TEST_F(Billing, TrialThatWasOverGoesOnWhereItsSubscriptionStillTries) {
  database.exec("superuser",
                "UPDATE platform.tenants SET status = 'suspended', status_reason = 'trial_expired', trial_ends_at = $1",
                {start - Days{1}});
  auto facts = subscription("trialing", "price_starter");
  *facts.mutable_trial_end() = events::to_proto(start + Days{16});
  hear_update(facts);
  EXPECT_EQ(tenant("status, status_reason"), "trial ");
}

TEST_F(Billing, TrialOfWhoNeedNotPayGoesOnUntilThatEnds) {
  database.exec("superuser", "UPDATE platform.tenants SET status = 'trial', trial_ends_at = $1", {start});
  database.exec("superuser", "INSERT INTO platform.holds VALUES ('acme', 'no_billing', 'a partner', $1)",
                {start + Days{30}});
  v1::TrialEnded ended;
  *ended.mutable_trial_ends_at() = events::to_proto(start);
  hear(ended);
  EXPECT_EQ(tenant("status, extract(day FROM trial_ends_at - '" + to_rfc3339(start) + "'::timestamptz)"), "trial 30");
}

// S06: no mail about an invoice of nothing.
TEST_F(Billing, InvoiceOfNothingIsKeptAndNotTold) {
  v1::InvoiceFinalized finalized;
  auto& facts = *finalized.mutable_payment();
  facts.set_stripe_object_id("in_0");
  facts.set_invoice_status("open");
  *facts.mutable_stated_at() = events::to_proto(start);
  hear(finalized);
  EXPECT_EQ(published("invoice.issued"), 0);
  EXPECT_EQ(database.value("SELECT count(*)::text FROM billing.invoices"), "1");
}

TEST_F(Billing, UnknownStatusIsSetAside) {
  hear_update(subscription("frozen", "price_enterprise"));
  EXPECT_EQ(tenant("plan"), "STARTER");
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.dead_letters"), "1");
}

}  // namespace
}  // namespace tenantry::billing
