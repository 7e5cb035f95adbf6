#include "workers/billing/account.h"

#include <gtest/gtest.h>

namespace tenantry::billing {
namespace {

using tenancy::Status;
using tenancy::Trigger;

Timestamp at(int second) {
  return from_unix_seconds(1'700'000'000 + second);
}

Subscription stated(std::string status, int second, std::string id = "sub_1", std::string event = "evt") {
  return {.stripe_subscription_id = std::move(id),
          .tenant_id = "acme",
          .status = std::move(status),
          .stated_at = at(second),
          .stripe_event_id = std::move(event)};
}

struct Known {
  Account account;
  std::vector<Subscription> subscriptions;

  Known& say(const Subscription& statement) {
    book_statement(account, subscriptions, statement);
    derive(account, subscriptions);
    return *this;
  }
  Known& pay(int second) {
    book_payment(account, at(second));
    derive(account, subscriptions);
    return *this;
  }
  Known& fail(int second) {
    book_failure(account, at(second));
    derive(account, subscriptions);
    return *this;
  }
};

std::vector<Trigger> triggers(const Account& before, const Account& after, const Tenancy& tenancy) {
  std::vector<Trigger> out;
  for (const auto& ask : decide(before, after, tenancy, {}).ask) out.push_back(ask.trigger);
  return out;
}

// Goal: each Stripe status means what spec section 7 says.
// Method: one statement on a tenant in trial; one on a tenant that has paid before.
struct StatusRow {
  const char* status;
  AccountState first;  // of an account that knew nothing
  std::vector<Trigger> first_asks;
  AccountState later;  // of one that was paid before
  std::vector<Trigger> later_asks;
};
class StripeStatus : public testing::TestWithParam<StatusRow> {};

TEST_P(StripeStatus, MovesTheAccount) {
  const auto& row = GetParam();
  ASSERT_TRUE(check_status(row.status));

  const auto first = Known{}.say(stated(row.status, 10)).account;
  EXPECT_EQ(first.state, row.first);
  EXPECT_EQ(triggers({}, first, {.status = Status::trial}), row.first_asks);

  const auto before = Known{}.pay(5);
  const auto later = Known{before}.say(stated(row.status, 10)).account;
  EXPECT_EQ(later.state, row.later);
  EXPECT_EQ(triggers(before.account, later, {.status = Status::active}), row.later_asks);
}

using enum AccountState;
const std::vector<Trigger> no_trigger;
INSTANTIATE_TEST_SUITE_P(, StripeStatus,
                         testing::Values(StatusRow{"incomplete", none, no_trigger, current, no_trigger},
                                         StatusRow{"incomplete_expired", none, no_trigger, current, no_trigger},
                                         StatusRow{"trialing", none, no_trigger, current, no_trigger},
                                         StatusRow{"active", current, {Trigger::paid}, current, {Trigger::paid}},
                                         StatusRow{"past_due", past_due, no_trigger, past_due, no_trigger},
                                         StatusRow{"unpaid", past_due, {Trigger::unpaid}, past_due, {Trigger::unpaid}},
                                         StatusRow{
                                             "paused", none, {Trigger::trial_ended}, current, {Trigger::trial_ended}},
                                         StatusRow{"canceled", ended, {Trigger::cancel}, ended, {Trigger::cancel}}),
                         [](const auto& tested) { return tested.param.status; });

TEST(Account, StatusWithoutARuleIsNamed) {
  const auto known = check_status("frozen");
  ASSERT_FALSE(known);
  EXPECT_EQ(known.error().code, Errc::invalid);
  EXPECT_NE(known.error().describe().find("frozen"), std::string::npos);
}

TEST(Account, LapsesWithTheFirstFailureAfterThePayment) {
  const auto known = Known{}.fail(30).fail(5).pay(10).fail(20).fail(40);
  EXPECT_EQ(known.account.state, past_due);
  EXPECT_EQ(known.account.past_due_since, at(20));
  EXPECT_EQ(known.account.failed_at, at(40));
}

TEST(Account, IsCurrentWhenPaymentAndFailureShareASecond) {
  EXPECT_EQ(Known{}.fail(10).pay(10).account.state, current);
  EXPECT_EQ(Known{}.pay(10).fail(10).account.state, current);
}

TEST(Account, LatePaymentBetweenTwoFailuresMovesTheLapse) {
  auto known = Known{}.fail(10).fail(30);
  EXPECT_EQ(known.account.past_due_since, at(10));
  EXPECT_EQ(known.pay(20).account.past_due_since, at(30));
}

TEST(Account, OlderStatementDoesNotReviveAnEndedSubscription) {
  const auto known = Known{}.say(stated("canceled", 20)).say(stated("active", 10));
  EXPECT_EQ(known.account.state, ended);
  EXPECT_EQ(known.subscriptions.at(0).status, "canceled");
}

TEST(Account, OfOneSecondTheEndHolds) {
  EXPECT_EQ(Known{}.say(stated("canceled", 20)).say(stated("active", 20)).account.state, ended);
  EXPECT_EQ(Known{}.say(stated("active", 20)).say(stated("canceled", 20)).account.state, ended);
}

TEST(Account, OfOneSecondAndStatusTheHigherEventIdHolds) {
  const auto known = Known{}.say(stated("active", 20, "sub_1", "evt_b")).say(stated("active", 20, "sub_1", "evt_a"));
  EXPECT_EQ(known.subscriptions.at(0).stripe_event_id, "evt_b");
}

TEST(Account, LivesOnWhileAnotherSubscriptionLives) {
  const auto known = Known{}.say(stated("active", 10, "sub_2")).say(stated("canceled", 20, "sub_1"));
  EXPECT_EQ(known.account.state, current);
  EXPECT_EQ(Known{known}.say(stated("canceled", 30, "sub_2")).account.state, ended);
}

TEST(Account, PaymentAfterTheEndBringsItBack) {
  EXPECT_EQ(Known{}.say(stated("canceled", 20)).pay(30).account.state, current);
  EXPECT_EQ(Known{}.say(stated("canceled", 20)).pay(10).account.state, ended);
}

TEST(Account, ActiveButAboutToEndIsNoNewPayment) {
  auto ending = stated("active", 30);
  ending.cancel_at_period_end = true;
  EXPECT_EQ(Known{}.pay(5).say(ending).account.paid_at, at(5));
}

TEST(Decide, AsksNothingWhenNothingChanged) {
  const auto account = Known{}.pay(10).account;
  const auto decision = decide(account, account, {.status = Status::trial}, {});
  EXPECT_TRUE(decision.ask.empty());
  EXPECT_FALSE(decision.cancel_timer);
  EXPECT_FALSE(decision.timer);
}

TEST(Decide, LapseStartsDunningAndPaymentEndsIt) {
  const auto before = Known{}.pay(5);
  const auto lapsed = Known{before}.fail(10);
  const auto start = decide(before.account, lapsed.account, {.status = Status::active}, {});
  EXPECT_EQ(start.timer, (DunningTimer{Days{0}, at(10)}));
  const auto again = Known{lapsed}.fail(20);
  EXPECT_FALSE(decide(lapsed.account, again.account, {.status = Status::active}, {}).timer);
  const auto paid = Known{again}.pay(30);
  const auto end = decide(again.account, paid.account, {.status = Status::active}, {});
  EXPECT_TRUE(end.cancel_timer);
  EXPECT_FALSE(end.timer);
}

TEST(Decide, HoldKeepsAnUnpaidTenant) {
  const auto after = Known{}.pay(5).say(stated("unpaid", 10)).account;
  const auto decision = decide(Known{}.pay(5).account, after, {.status = Status::active, .held_until = at(99)}, {});
  EXPECT_TRUE(decision.ask.empty());
  EXPECT_EQ(decision.timer, (DunningTimer{Days{14}, at(99)}));
}

TEST(Decide, PaymentHeardOfAfterItsFailureStillEndsTheTrial) {
  const auto before = Known{}.fail(10);
  const auto after = Known{before}.pay(5).account;
  EXPECT_EQ(triggers(before.account, after, {.status = Status::trial}), std::vector{Trigger::paid});
  EXPECT_EQ(triggers(before.account, after, {.status = Status::suspended, .reason = "trial_expired"}),
            std::vector{Trigger::paid});
  EXPECT_EQ(triggers(before.account, after, {.status = Status::suspended, .reason = "payment_failed"}), no_trigger);
}

struct TrialRow {
  const char* name;
  Account account;
  Tenancy tenancy;
  std::optional<Ask> ask;
};
class TrialEnd : public testing::TestWithParam<TrialRow> {};

TEST_P(TrialEnd, Asks) {
  EXPECT_EQ(on_trial_ended(GetParam().account, GetParam().tenancy, at(0)), GetParam().ask);
}

const Tenancy starter{.status = Status::trial, .trial_ends_at = at(0), .price_minor = 4900};
const Tenancy free_plan{.status = Status::trial, .trial_ends_at = at(0), .price_minor = 0};
const Tenancy extended{.status = Status::trial, .trial_ends_at = at(60), .price_minor = 4900};
const Ask suspend{Trigger::trial_ended, "trial_expired"};
INSTANTIATE_TEST_SUITE_P(, TrialEnd,
                         testing::Values(TrialRow{"NeverPaidSuspends", {}, starter, suspend},
                                         TrialRow{"PastDueSuspends", Known{}.fail(1).account, starter, suspend},
                                         TrialRow{"PaidGoesOn", Known{}.pay(1).account, starter, std::nullopt},
                                         TrialRow{"FreePlanGoesOn", {}, free_plan, Ask{Trigger::paid, "free_plan"}},
                                         TrialRow{"ExtendedTrialIgnoresTheOldTimer", {}, extended, std::nullopt}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace tenantry::billing
