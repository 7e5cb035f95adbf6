// Goal: a tenant's account holds whatever any process was told, and its plan and trial
// follow its subscription.
// Method: the store on two connections at once; then the worker on a lane.
#include <gtest/gtest.h>

#include <future>
#include <nlohmann/json.hpp>

#include "events/proto_time.h"
#include "shared/db/run.h"
#include "tenantry/events/v1/billing.pb.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tests/integration/lane_harness.h"
#include "workers/billing/account.h"
#include "workers/billing/review.h"
#include "workers/billing/statement.h"
#include "workers/billing/store.h"
#include "workers/billing/worker.h"

namespace tenantry::billing::billing_test {
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

// ---- dunning, by plan and by tenant --------------------------------------------------------------------------------

class BillingLapse : public Billing {
 protected:
  void SetUp() override {
    Billing::SetUp();
    database.exec("superuser", "UPDATE platform.tenants SET status = 'active'");
  }
  void say(const char* whose, const std::string& terms) {
    if (std::string_view(whose) == "plan") {
      database.exec("superuser", "UPDATE platform.plans SET dunning = $1::jsonb WHERE plan = 'STARTER'", {terms});
    } else {
      database.exec("superuser",
                    "INSERT INTO platform.dunning_terms VALUES ('acme', $1::jsonb, 'a test', now()) ON CONFLICT "
                    "(tenant_id) DO UPDATE SET terms = excluded.terms",
                    {terms});
    }
  }
  // The day of the timer that is set; "" without one.
  std::string timer() {
    return database.value(
        "SELECT coalesce((SELECT extract(day FROM available_at - $1)::text FROM messaging.outbox WHERE timer_key = "
        "'acme/dunning'), '')",
        {start});
  }
  // What the timer of that day does.
  void come_due(int day, std::optional<int> warned_on = {}) {
    clock.set(start + Days{day});
    v1::DunningDue due;
    *due.mutable_past_due_since() = events::to_proto(start);
    due.set_day(day);
    if (warned_on) *due.mutable_warned_at() = events::to_proto(start + Days{*warned_on});
    hear(due);
  }
};

TEST_F(BillingLapse, RunsByThePlansDaysAndByTheTenantsBeforeThem) {
  say("plan", R"({"remind_days": [2, 9], "suspend_day": 20})");
  hear_update(subscription("past_due", "price_starter"));
  EXPECT_EQ(timer(), "2");
  say("tenant", R"({"suspend_day": 9})");
  hear(v1::DunningTermsSet());
  EXPECT_EQ(timer(), "2");
  come_due(2);
  EXPECT_EQ(published("payment.overdue"), 1);
  EXPECT_EQ(timer(), "9") << "no reminder on the day of the suspension";
  come_due(9, 2);
  EXPECT_EQ(tenant("status, status_reason"), "suspended payment_failed");
}

TEST_F(BillingLapse, ThatRunsFollowsTermsThatChange) {
  hear_update(subscription("past_due", "price_starter"));
  come_due(0);
  come_due(3, 0);
  EXPECT_EQ(timer(), "7");
  say("tenant", R"({"remind_days": [20], "suspend_day": 40})");
  hear(v1::DunningTermsSet());
  EXPECT_EQ(timer(), "20");
  database.exec("superuser", "DELETE FROM platform.dunning_terms");
  hear(v1::DunningTermsRemoved());
  EXPECT_EQ(timer(), "7");
}

TEST_F(BillingLapse, ThatIsOverTakesNoTimerFromNewTerms) {
  hear_update(subscription("past_due", "price_starter"));
  hear_update(subscription("active", "price_starter", 1));
  hear(v1::DunningTermsSet());
  EXPECT_EQ(timer(), "");
}

// Who is cancelled is deleted when its own grace is over, or its plan's.
TEST_F(BillingLapse, GraceIsThePlansOrTheTenants) {
  const auto grace = [&] { return tenant("extract(day FROM deletion_due_at - status_since)"); };
  say("plan", R"({"grace_days": 60})");
  hear_update(subscription("active", "price_starter"));
  hear_update(subscription("canceled", "price_starter", 1));
  EXPECT_EQ(grace(), "60");
  say("tenant", R"({"grace_days": 5})");
  hear_update(subscription("active", "price_starter", 2));
  hear_update(subscription("canceled", "price_starter", 3));
  EXPECT_EQ(grace(), "5");
}

// ---- why -----------------------------------------------------------------------------------------------------------

TEST_F(BillingLapse, SaysWhichRuleOfWhichObjectAndWhatItBeat) {
  hear_update(subscription("active", "price_starter", -1));
  hear_update(subscription("past_due", "price_starter"));
  EXPECT_EQ(database.value("SELECT concat_ws(' ', because ->> 'rule', because ->> 'object_id', because ->> "
                           "'stripe_event_id', because ->> 'beaten_event_id') FROM billing.accounts"),
            "subscription_owes sub_1 evt_0 evt_-1");
  come_due(14, 0);
  const auto rows = recorder.published();
  const auto suspended = std::ranges::find(rows, "tenant.suspended", &messaging::OutboxRow::type);
  ASSERT_NE(suspended, rows.end());
  const auto told = nlohmann::json::parse(suspended->payload).at("because");
  EXPECT_EQ(told.at("rule"), "subscription_owes");
  EXPECT_EQ(told.at("stripe_event_id"), "evt_0");
}

// ---- reviews -------------------------------------------------------------------------------------------------------

// As a database that other rules wrote: a void invoice of theirs was owed, and suspended.
TEST_F(BillingLapse, ReviewMovesWhomTheRulesOfTodayMove) {
  database.add_tenant("fine");
  hear_update(subscription("active", "price_starter"));
  database.exec("superuser",
                "UPDATE billing.accounts SET state = 'past_due', past_due_since = $1 WHERE tenant_id = 'acme'",
                {start});
  database.exec("superuser",
                "UPDATE platform.tenants SET status = 'suspended', status_reason = 'payment_failed' WHERE tenant_id = "
                "'acme'");
  const auto moved = [&] {
    db::Connection connection(database.url("owner"), "test");
    db::Transaction tx(connection);
    std::string out;
    for (const auto& each : find_moved(tx, "", clock.now(), {})) out += each.tenant_id + " " + each.becomes + ";";
    return out;
  };
  EXPECT_EQ(moved(), "acme ACTIVE;");
  v1::AccountReviewRequested review;
  review.set_requested_by("ada");
  review.set_reason("a test");
  hear(review);
  EXPECT_EQ(database.value("SELECT status FROM platform.tenants WHERE tenant_id = 'acme'"), "active");
  EXPECT_EQ(moved(), "");
  hear(review);
  EXPECT_EQ(published("tenant.activated"), 1) << "again, it moves nobody";
}

// ---- payment methods -----------------------------------------------------------------------------------------------

TEST_F(BillingLapse, CardThatExpiresIsToldOfUnlessAnotherIsThere) {
  const auto state_card = [&](const std::string& id, int month, int year, int day = 0) {
    v1::PaymentMethodStated stated;
    auto& facts = *stated.mutable_payment_method();
    facts.set_stripe_payment_method_id(id);
    facts.set_kind("card");
    facts.set_last4("4242");
    facts.set_exp_month(month);
    facts.set_exp_year(year);
    *facts.mutable_stated_at() = events::to_proto(start + Days{day});
    hear(stated);
  };
  const auto due = [&](const std::string& id) {
    v1::PaymentMethodExpiryDue message;
    message.set_stripe_payment_method_id(id);
    *message.mutable_expires_at() = events::to_proto(*from_rfc3339("2027-04-01T00:00:00Z"));
    message.set_days_before(30);
    hear(message);
  };
  state_card("pm_1", 3, 2027);  // `start` is in January 2027
  EXPECT_EQ(database.value("SELECT available_at::date::text FROM messaging.outbox WHERE timer_key = "
                           "'acme/payment_method/pm_1'"),
            "2027-03-02");
  due("pm_1");
  EXPECT_EQ(published("payment_method.expiring"), 1);
  state_card("pm_2", 12, 2030, 1);
  due("pm_1");
  EXPECT_EQ(published("payment_method.expiring"), 1) << "another pays";
  state_card("pm_1", 3, 2031, 2);
  due("pm_1");
  EXPECT_EQ(published("payment_method.expiring"), 1) << "a timer of what is no more so";
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.outbox WHERE timer_key LIKE '%/payment_method/%'"),
            "2");
}

// Both were parked for months, and the later statement was released first.
TEST_F(BillingLapse, CardThatWasDetachedLongAgoStaysSoHoweverLateItIsTold) {
  const auto hear_of_card = [&](auto statement, Timestamp at) {
    auto& facts = *statement.mutable_payment_method();
    facts.set_stripe_payment_method_id("pm_1");
    facts.set_kind("card");
    *facts.mutable_stated_at() = events::to_proto(at);
    hear(statement);
  };
  hear_of_card(v1::PaymentMethodDetached{}, start - Days{200});
  database.exec("runtime", "SELECT housekeeping.sweep($1)", {start + Days{1}});
  hear_of_card(v1::PaymentMethodStated{}, start - Days{201});
  EXPECT_EQ(database.value("SELECT detached::text FROM billing.payment_methods"), "true");
  database.exec("runtime", "SELECT housekeeping.sweep($1)", {SystemClock().now() + Days{1'000}});
  EXPECT_EQ(database.value("SELECT count(*) FROM billing.payment_methods"), "0");
}

TEST_F(Billing, UnknownStatusIsSetAside) {
  hear_update(subscription("frozen", "price_enterprise"));
  EXPECT_EQ(tenant("plan"), "STARTER");
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.dead_letters"), "1");
}

}  // namespace
}  // namespace tenantry::billing::billing_test
