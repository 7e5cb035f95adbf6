// Goal: a change of status is one row of history, one event and the right timers,
// whoever repeats it and whatever happens at once.
// Method: a tenant led through its life in transactions of the role that would do it.
#include <gtest/gtest.h>

#include <future>

#include "shared/db/run.h"
#include "shared/messaging/outbox.h"
#include "shared/tenancy/tenants.h"
#include "shared/tenancy/transition.h"
#include "tests/integration/lane_harness.h"

namespace tenantry::tenancy::transition_test {
namespace {

using testing::must;
using testing::TestDatabase;

class TransitionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    db::Connection signup(database.url("signup"), "test");
    must(db::run(signup, {}, [&](db::Transaction& tx) -> Result<void> {
      auto made =
          create_tenant(tx, {.company_name = "Acme", .company_email = "a@acme.test", .plan = plan}, ids, clock.now());
      if (!made) return made.error();
      tenant = made->tenant_id;
      return {};
    }));
  }

  events::Event cause() { return testing::event_of(tenant, testing::activated("cause"), ids, clock.now()); }

  // As a handler would: with a cause. `keep` false: rolled back.
  Result<Transition> apply(db::Connection& through, Trigger trigger, const events::Event& why,
                           const std::string& reason = {}, std::vector<std::string>* ids_written = nullptr,
                           bool keep = true) {
    std::optional<Transition> moved;
    const auto done = db::run(through, {}, [&](db::Transaction& tx) -> Result<void> {
      messaging::Outbox outbox("/tenantry/billing", events::Actor::service("billing"), ids, clock.now());
      outbox.set_cause(&why);
      auto result = transition(tx, outbox, {.tenant_id = tenant, .trigger = trigger, .reason = reason}, clock.now());
      if (!result) return result.error();
      outbox.flush(tx);
      moved = *result;
      if (ids_written != nullptr) {
        for (const auto row : tx.exec("SELECT id::text FROM messaging.outbox UNION ALL SELECT event_id::text FROM "
                                      "platform.lifecycle_history ORDER BY 1")) {
          ids_written->emplace_back(row.text(0));
        }
      }
      return keep ? Result<void>{} : Error{.code = Errc::conflict, .reason = "rolled_back"};
    });
    if (!done && done.error().reason != "rolled_back") return done.error();
    return *moved;
  }
  Transition apply(Trigger trigger, const std::string& reason = {}) {
    return must(apply(connection, trigger, cause(), reason));
  }

  std::string status() {
    return database.value("SELECT concat_ws(' ', status, nullif(status_reason, '')) FROM platform.tenants");
  }
  std::string history() {
    return database.value(
        "SELECT coalesce(string_agg(from_status || '>' || to_status || ' ' || trigger, ', ' ORDER BY at, "
        "event_id), '') FROM platform.lifecycle_history");
  }
  // Events that are due, but for the signal to caches; then timers by key.
  std::string outbox() {
    return database.value(
        "SELECT coalesce(string_agg(coalesce('@' || split_part(timer_key, '/', 2), type), ' ' ORDER BY timer_key "
        "NULLS FIRST, type), '') FROM messaging.outbox WHERE type <> 'platform.tenant_changed'");
  }
  void forget_outbox() { database.exec("superuser", "DELETE FROM messaging.outbox WHERE timer_key IS NULL"); }

  ManualClock clock{from_unix_seconds(1'800'000'000)};
  SystemIdGenerator ids{clock};
  TestDatabase database;
  db::Connection connection{database.url("billing"), "test"};
  std::string plan = database.value("SELECT plan FROM platform.plans ORDER BY position LIMIT 1");
  std::string tenant;
};

TEST_F(TransitionTest, WholeLifeWithItsHistoryEventsAndTimers) {
  struct Step {
    Trigger trigger;
    const char* status;
    const char* history;  // what is new
    const char* outbox;
  };
  const Step steps[] = {
      {Trigger::paid, "pending", "", ""},
      {Trigger::provisioned, "trial", "pending>trial provisioned", "@trial.ended @trial.ending"},
      {Trigger::provisioned, "trial", "", "@trial.ended @trial.ending"},
      {Trigger::trial_ended, "suspended trial_expired", "trial>suspended trial_ended",
       "tenant.suspended @trial.ended @trial.ending"},
      {Trigger::trial_ended, "suspended trial_expired", "", "@trial.ended @trial.ending"},
      {Trigger::paid, "active", "suspended>active paid", "tenant.activated"},
      {Trigger::paid, "active", "", ""},
      {Trigger::unpaid, "suspended payment_failed", "active>suspended unpaid", "tenant.suspended"},
      {Trigger::paid, "active", "suspended>active paid", "tenant.activated"},
      {Trigger::cancel, "cancelled", "active>cancelled cancel", "tenant.cancelled @deletion_due"},
      {Trigger::resume, "active", "cancelled>active resume", "tenant.activated"},
      {Trigger::cancel, "cancelled", "active>cancelled cancel", "tenant.cancelled @deletion_due"},
      {Trigger::grace_over, "deleted", "cancelled>deleted grace_over", ""},
      {Trigger::paid, "deleted", "", ""},
  };
  std::string all;
  for (const auto& step : steps) {
    SCOPED_TRACE(std::string(to_string(step.trigger)) + " to " + step.status);
    clock.advance(Seconds{1});
    apply(step.trigger);
    EXPECT_EQ(status(), step.status);
    if (*step.history != '\0') all += (all.empty() ? "" : ", ") + std::string(step.history);
    EXPECT_EQ(history(), all);
    EXPECT_EQ(outbox(), step.outbox);
    forget_outbox();
  }
}

TEST_F(TransitionTest, RerunOfTheSameCauseWritesTheSameIds) {
  apply(Trigger::provisioned);
  const auto why = cause();
  std::vector<std::string> first, second;
  must(apply(connection, Trigger::paid, why, "payment", &first, false));
  must(apply(connection, Trigger::paid, why, "payment", &second, false));
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(first, second);
  EXPECT_EQ(status(), "trial");
}

TEST_F(TransitionTest, EveryChangeSignalsTheCaches) {
  apply(Trigger::provisioned);
  EXPECT_EQ(database.value("SELECT string_agg(vhost || ' ' || exchange, ', ') FROM messaging.outbox WHERE type = "
                           "'platform.tenant_changed'"),
            "platform platform.tenants");
}

TEST_F(TransitionTest, UnknownTenantIsNotFound) {
  tenant = "nobody";
  const auto moved = apply(connection, Trigger::paid, cause());
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().code, Errc::not_found);
}

TEST_F(TransitionTest, AdminsSuspensionSurvivesThePaymentAndGoesOnAsPaying) {
  apply(Trigger::provisioned);
  apply(Trigger::suspend, "abuse");
  EXPECT_FALSE(apply(Trigger::paid).changed);
  EXPECT_EQ(status(), "suspended abuse");
  apply(Trigger::reactivate);
  EXPECT_EQ(status(), "active");
}

TEST_F(TransitionTest, AdminsSuspensionSurvivesCancellationAndPaymentWithItsWords) {
  apply(Trigger::provisioned);
  apply(Trigger::paid);
  apply(Trigger::suspend, "abuse");
  apply(Trigger::cancel, "requested_by_tenant");
  EXPECT_EQ(status(), "cancelled requested_by_tenant");
  EXPECT_FALSE(apply(Trigger::resume).changed);
  forget_outbox();
  EXPECT_TRUE(apply(Trigger::paid).changed);
  EXPECT_EQ(status(), "suspended abuse");
  EXPECT_EQ(outbox(), "tenant.suspended");
  EXPECT_FALSE(apply(Trigger::paid).changed);
  apply(Trigger::reactivate);
  EXPECT_EQ(status(), "active");
  EXPECT_FALSE(apply(Trigger::reactivate).changed);
}

TEST_F(TransitionTest, NoAdminSuspendsForAReasonThatAPaymentLifts) {
  apply(Trigger::provisioned);
  for (const char* reason : {"payment_failed", "trial_expired"}) {
    const auto moved = apply(connection, Trigger::suspend, cause(), reason);
    ASSERT_FALSE(moved);
    EXPECT_EQ(moved.error().fields.at(0).code, "reserved");
  }
  EXPECT_EQ(status(), "trial");
}

TEST_F(TransitionTest, PaymentAndEndOfTrialAtOnceEndPaidForWhicheverComesFirst) {
  apply(Trigger::provisioned);
  forget_outbox();
  const auto one = [&](Trigger trigger) {
    return std::async(std::launch::async, [&, trigger, why = cause()] {
      db::Connection own(database.url("billing"), "test");
      return apply(own, trigger, why);
    });
  };
  auto ended = one(Trigger::trial_ended);
  auto paid = one(Trigger::paid);
  must(ended.get());
  EXPECT_TRUE(must(paid.get()).changed);
  EXPECT_EQ(status(), "active");
  const auto story = history();
  EXPECT_TRUE(story.find("trial>active paid") != story.npos || story.find("trial>suspended trial_ended") != story.npos)
      << story;
}

TEST_F(TransitionTest, TwoCompaniesOfOneNameGetDifferentSlugs) {
  std::vector<std::future<std::string>> running;
  for (int i = 0; i < 4; ++i) {
    running.push_back(std::async(std::launch::async, [&] {
      db::Connection own(database.url("signup"), "test");
      std::string slug;
      must(db::run(own, {}, [&](db::Transaction& tx) -> Result<void> {
        slug = must(create_tenant(tx, {.company_name = "Acm\xc3\xa9", .company_email = "b@acme.test", .plan = plan},
                                  ids, clock.now()))
                   .tenant_id;
        return {};
      }));
      return slug;
    }));
  }
  std::set<std::string> slugs{tenant};
  for (auto& each : running) slugs.insert(each.get());
  EXPECT_EQ(slugs, (std::set<std::string>{"acme", "acme-2", "acme-3", "acme-4", "acme-5"}));
}

}  // namespace
}  // namespace tenantry::tenancy::transition_test
