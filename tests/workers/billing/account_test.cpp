#include "workers/billing/account.h"

#include <gtest/gtest.h>

#include "workers/billing/statement.h"

namespace tenantry::billing::account_test {
namespace {

using tenancy::Status;
using tenancy::Trigger;
using enum AccountState;

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

// About something else: metadata, a card.
Subscription confirmed(std::string status, int second, std::string id = "sub_1") {
  auto statement = stated(std::move(status), second, std::move(id));
  statement.history = {{statement.stated_at, statement.status, true}};
  return statement;
}

Invoice invoice(std::string id, int second, std::string subscription = "sub_1",
                std::string reason = "subscription_cycle") {
  return {.stripe_invoice_id = std::move(id),
          .tenant_id = "acme",
          .stripe_subscription_id = std::move(subscription),
          .billing_reason = std::move(reason),
          .amount_minor = 4900,
          .stated_at = at(second)};
}
Invoice failed(Invoice invoice) {
  invoice.failed_at = invoice.failed_last_at = invoice.stated_at;
  return invoice;
}
Invoice closed(Invoice invoice, InvoiceStatus status) {
  invoice.status = status;
  invoice.closed_at = invoice.stated_at;
  return invoice;
}

// What the worker does with each fact.
struct Known {
  Facts facts;

  Known& say(const Subscription& statement) {
    book(facts.subscriptions, statement);
    return *this;
  }
  Known& say(const Invoice& statement) {
    book(facts.invoices, statement);
    return *this;
  }
  Known& pay(const Invoice& invoice) {
    receive(invoice.stated_at);
    return say(closed(invoice, InvoiceStatus::paid));
  }
  Known& receive(Timestamp paid_at) {  // for a purchase of its own
    facts.received_at = std::max(facts.received_at.value_or(paid_at), paid_at);
    return *this;
  }
  Account account() const { return account_of(facts); }
};

const Tenancy starter{.status = Status::active, .price_minor = 4900};
Tenancy in(Status status, std::string reason = {}) {
  auto tenancy = starter;
  tenancy.status = status;
  tenancy.reason = std::move(reason);
  return tenancy;
}

std::vector<Trigger> triggers(const Account& before, const Account& after, const Tenancy& tenancy) {
  std::vector<Trigger> out;
  for (const auto& ask : decide(before, after, tenancy, {}).ask) out.push_back(ask.trigger);
  return out;
}
const std::vector<Trigger> no_trigger;

// Goal: each Stripe status means what spec section 7 says.
// Method: one statement on a tenant in trial; one on a tenant that has paid before for something else.
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
  ASSERT_TRUE(check_known(stated(row.status, 10)));

  const auto first = Known{}.say(stated(row.status, 10)).account();
  EXPECT_EQ(first.state, row.first);
  EXPECT_EQ(triggers({}, first, in(Status::trial)), row.first_asks);

  auto known = Known{}.receive(at(5));
  const auto before = known.account();
  const auto later = known.say(stated(row.status, 10)).account();
  EXPECT_EQ(later.state, row.later);
  EXPECT_EQ(triggers(before, later, in(Status::active)), row.later_asks);
}

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

TEST(Statement, StatusWithoutARuleIsNamed) {
  const auto known = check_known(stated("frozen", 1));
  ASSERT_FALSE(known);
  EXPECT_EQ(known.error().code, Errc::invalid);
  EXPECT_NE(known.error().describe().find("frozen"), std::string::npos);
}

TEST(Statement, PauseForAReasonWithoutARuleIsNamed) {
  auto paused = stated("paused", 1);
  paused.pause_reason = "boredom";
  EXPECT_FALSE(check_known(paused));
}

// Why a subscription is paused decides what becomes of the tenant.
struct PauseRow {
  const char* reason;
  std::vector<Trigger> asks;
};
class PausedSubscription : public testing::TestWithParam<PauseRow> {};
TEST_P(PausedSubscription, AsksForWhatItsReasonSays) {
  auto paused = stated("paused", 10);
  paused.pause_reason = GetParam().reason;
  ASSERT_TRUE(check_known(paused));
  EXPECT_EQ(triggers({}, Known{}.say(paused).account(), in(Status::trial)), GetParam().asks);
}
INSTANTIATE_TEST_SUITE_P(
    , PausedSubscription,
    testing::Values(PauseRow{"", {Trigger::trial_ended}},
                    PauseRow{"trial_end_without_payment_method", {Trigger::trial_ended}},
                    PauseRow{"first_payment_failure", no_trigger}, PauseRow{"final_payment_failure", {Trigger::unpaid}},
                    PauseRow{"pause_requested", {Trigger::pause}}, PauseRow{"system", {Trigger::pause}}),
    [](const auto& tested) { return *tested.param.reason == 0 ? std::string("Unsaid") : tested.param.reason; });

// What ends a lapse of a renewal, and what does not.
struct EndRow {
  const char* name;
  Known (*then)(Known);
  AccountState state;
};
class Lapse : public testing::TestWithParam<EndRow> {};
TEST_P(Lapse, EndsByWhatSettlesItAlone) {
  const auto lapsed = Known{}
                          .say(stated("active", 0))
                          .pay(invoice("in_1", 1))
                          .say(failed(invoice("in_2", 10)))
                          .say(stated("past_due", 10));
  ASSERT_EQ(lapsed.account().past_due_since, at(10));
  EXPECT_EQ(GetParam().then(lapsed).account().state, GetParam().state);
}
INSTANTIATE_TEST_SUITE_P(
    , Lapse,
    testing::Values(
        EndRow{"ItsInvoicePaid", [](Known k) { return k.pay(invoice("in_2", 20)); }, current},
        EndRow{"ItsInvoiceVoided", [](Known k) { return k.say(closed(invoice("in_2", 20), InvoiceStatus::voided)); },
               current},
        EndRow{"ItsInvoiceWrittenOff",
               [](Known k) { return k.say(closed(invoice("in_2", 20), InvoiceStatus::uncollectible)); }, current},
        EndRow{"ItsInvoiceCredited",  // paid, and nothing was received
               [](Known k) { return k.say(closed(invoice("in_2", 20), InvoiceStatus::paid)); }, current},
        EndRow{"TheSubscriptionActiveAgain", [](Known k) { return k.say(stated("active", 20)); }, current},
        EndRow{"TheSubscriptionEnded", [](Known k) { return k.say(stated("canceled", 20)); }, ended},
        EndRow{"NotAPurchaseOfItsOwn", [](Known k) { return k.receive(at(20)); }, past_due},
        EndRow{"NotAnInvoiceOfNoSubscription", [](Known k) { return k.pay(invoice("in_9", 20, "", "manual")); },
               past_due},
        EndRow{"NotAnInvoiceOfAnotherSubscription",
               [](Known k) { return k.say(stated("active", 20, "sub_2")).pay(invoice("in_9", 20, "sub_2")); },
               past_due},
        EndRow{"NotAnotherInvoiceWhileItsOwnIsOpen", [](Known k) { return k.pay(invoice("in_0", 20)); }, past_due},
        EndRow{"NotAnUpdateOfMetadata", [](Known k) { return k.say(confirmed("past_due", 20)); }, past_due}),
    [](const auto& tested) { return tested.param.name; });

// Which failures begin one.
struct BeginRow {
  const char* name;
  Known known;
  AccountState state;
};
class Failure : public testing::TestWithParam<BeginRow> {};
TEST_P(Failure, BeginsALapseWhereSomethingIsOwed) {
  EXPECT_EQ(GetParam().known.account().state, GetParam().state);
}
INSTANTIATE_TEST_SUITE_P(
    , Failure,
    testing::Values(
        BeginRow{"OfARenewal", Known{}.say(stated("active", 0)).say(failed(invoice("in_1", 10))), past_due},
        BeginRow{"OfAPurchase", Known{}.say(stated("active", 0)).say(failed(invoice("in_1", 10, "", "manual"))),
                 past_due},
        BeginRow{"OfAnUnknownSubscription", Known{}.say(failed(invoice("in_1", 10))), past_due},
        BeginRow{"OfAFirstPayment",  // somebody in a trial is typing a code
                 Known{}.say(stated("incomplete", 9)).say(failed(invoice("in_1", 10, "sub_1", "subscription_create"))),
                 none},
        BeginRow{"OfAFirstPaymentHeardBeforeItsSubscription",
                 Known{}.say(failed(invoice("in_1", 10, "sub_1", "subscription_create"))), none},
        BeginRow{"OfASecondSubscription",
                 Known{}
                     .say(stated("active", 0, "sub_a"))
                     .say(stated("incomplete", 9, "sub_b"))
                     .say(failed(invoice("in_b", 10, "sub_b"))),
                 current},
        BeginRow{"OfASecondSubscriptionThatExpired",
                 Known{}
                     .say(stated("active", 0, "sub_a"))
                     .say(failed(invoice("in_b", 10, "sub_b")))
                     .say(stated("incomplete_expired", 20, "sub_b")),
                 current},
        BeginRow{"OfAnUpgradeThatIsUndone",
                 Known{}.say(stated("active", 0)).say(failed(invoice("in_1", 10, "sub_1", "subscription_update"))),
                 current},
        BeginRow{"BeforeItsSubscriptionPaidAnother",  // for Stripe the last invoice decides
                 Known{}.say(failed(invoice("in_1", 10))).pay(invoice("in_2", 20)), current},
        BeginRow{"BeforeSomethingElseWasPaid",
                 Known{}.say(failed(invoice("in_1", 10))).pay(invoice("in_2", 20, "", "manual")), past_due},
        BeginRow{"AfterTheEnd", Known{}.say(stated("canceled", 5)).say(failed(invoice("in_1", 10))), ended},
        BeginRow{"WhileTheSubscriptionSaysItIsActive",
                 Known{}.say(failed(invoice("in_1", 10))).say(stated("active", 12)), current},
        BeginRow{"VoidedBeforeItIsHeardOf",
                 Known{}
                     .say(closed(invoice("in_1", 20, "", "manual"), InvoiceStatus::voided))
                     .say(failed(invoice("in_1", 10, "", "manual"))),
                 none}),
    [](const auto& tested) { return tested.param.name; });

TEST(Account, LapseIsAsOldAsItsFirstFailure) {
  const auto known = Known{}
                         .say(stated("past_due", 40))
                         .say(failed(invoice("in_1", 30)))
                         .say(stated("past_due", 20))
                         .say(failed(invoice("in_1", 21)))
                         .say(stated("active", 10));
  EXPECT_EQ(known.account().past_due_since, at(20));
}

TEST(Account, LateStatementBetweenTwoLapsesTellsThemApart) {
  auto known = Known{}.say(stated("past_due", 10)).say(stated("past_due", 30));
  EXPECT_EQ(known.account().past_due_since, at(10));
  EXPECT_EQ(known.say(stated("active", 20)).account().past_due_since, at(30));
}

TEST(Account, OlderStatementDoesNotReviveAnEndedSubscription) {
  const auto known = Known{}.say(stated("canceled", 20)).say(stated("active", 10));
  EXPECT_EQ(known.account().state, ended);
  EXPECT_EQ(known.facts.subscriptions.at(0).status, "canceled");
}

TEST(Account, OfOneSecondTheEndHolds) {
  EXPECT_EQ(Known{}.say(stated("canceled", 20)).say(stated("active", 20)).account().state, ended);
  EXPECT_EQ(Known{}.say(stated("active", 20)).say(stated("canceled", 20)).account().state, ended);
}

TEST(Account, OfOneSecondAndStatusTheHigherEventIdHolds) {
  const auto known = Known{}.say(stated("active", 20, "sub_1", "evt_b")).say(stated("active", 20, "sub_1", "evt_a"));
  EXPECT_EQ(known.facts.subscriptions.at(0).stripe_event_id, "evt_b");
}

TEST(Account, LivesOnWhileAnotherSubscriptionLives) {
  const auto known = Known{}.say(stated("active", 10, "sub_2")).say(stated("canceled", 20, "sub_1"));
  EXPECT_EQ(known.account().state, current);
  EXPECT_EQ(Known{known}.say(stated("canceled", 30, "sub_2")).account().state, ended);
}

TEST(Account, PaymentAfterTheEndBringsItBack) {
  EXPECT_EQ(Known{}.say(stated("canceled", 20)).receive(at(30)).account().state, current);
  EXPECT_EQ(Known{}.say(stated("canceled", 20)).receive(at(10)).account().state, ended);
}

TEST(Account, ActiveButAboutToEndIsSubscribedAndNoNewPayment) {
  auto ending = stated("active", 30);
  ending.cancel_at = at(9'000);
  const auto account = Known{}.receive(at(5)).say(ending).account();
  EXPECT_EQ(account.paid_at, at(5));
  EXPECT_TRUE(account.subscribed);
}

TEST(Account, SubscriptionIsPaidSinceItBeganToBeActive) {
  const auto known = Known{}.say(stated("active", 10)).say(confirmed("active", 20)).say(stated("active", 30));
  EXPECT_EQ(known.account().paid_at, at(10));
}

TEST(Statement, HistoryKeepsItsEndsWhateverItsLength) {
  std::vector<Subscription> subscriptions;
  book(subscriptions, stated("active", 0));
  for (int i = 1; i <= 1'000; ++i) book(subscriptions, confirmed("active", i));
  EXPECT_EQ(subscriptions[0].history.size(), history_max);
  EXPECT_EQ(good_since(subscriptions[0]), at(0));
  EXPECT_EQ(subscriptions[0].history.back().at, at(1'000));
}

TEST(Decide, AsksNothingWhenNothingChanged) {
  const auto account = Known{}.receive(at(10)).account();
  const auto decision = decide(account, account, in(Status::trial), {});
  EXPECT_TRUE(decision.ask.empty());
  EXPECT_FALSE(decision.cancel_timer);
  EXPECT_FALSE(decision.timer);
}

TEST(Decide, LapseStartsDunningAndPaymentEndsIt) {
  auto known = Known{}.say(stated("active", 5));
  const auto before = known.account();
  const auto lapsed = known.say(failed(invoice("in_1", 10))).account();
  EXPECT_EQ(decide(before, lapsed, starter, {}).timer, (DunningTimer{Days{0}, at(10)}));
  const auto again = known.say(failed(invoice("in_1", 20))).account();
  EXPECT_FALSE(decide(lapsed, again, starter, {}).timer);
  const auto paid = known.pay(invoice("in_1", 30)).account();
  const auto end = decide(again, paid, starter, {});
  EXPECT_TRUE(end.cancel_timer);
  EXPECT_FALSE(end.timer);
}

TEST(Decide, HoldKeepsAnUnpaidTenant) {
  const auto before = Known{}.receive(at(5)).account();
  const auto after = Known{}.receive(at(5)).say(stated("unpaid", 10)).account();
  auto held = starter;
  held.held_until = at(99);
  const auto decision = decide(before, after, held, {});
  EXPECT_TRUE(decision.ask.empty());
  EXPECT_EQ(decision.timer, (DunningTimer{Days{14}, at(99)}));
}

TEST(Decide, PaymentHeardOfAfterItsFailureStillEndsTheTrial) {
  auto known = Known{}.say(failed(invoice("in_2", 10)));
  const auto before = known.account();
  const auto after = known.pay(invoice("in_1", 5)).account();
  ASSERT_EQ(after.state, past_due);
  EXPECT_EQ(triggers(before, after, in(Status::trial)), std::vector{Trigger::paid});
  EXPECT_EQ(triggers(before, after, in(Status::suspended, "trial_expired")), std::vector{Trigger::paid});
  EXPECT_EQ(triggers(before, after, in(Status::suspended, "payment_failed")), no_trigger);
  EXPECT_TRUE(decide(before, after, in(Status::trial), {}).timer) << "its dunning begins with it";
}

TEST(Decide, VoidedInvoiceLiftsTheSuspensionForIt) {
  auto known = Known{}.say(failed(invoice("in_1", 10, "", "manual")));
  const auto before = known.account();
  const auto after = known.say(closed(invoice("in_1", 20, "", "manual"), InvoiceStatus::voided)).account();
  EXPECT_EQ(triggers(before, after, in(Status::suspended, "payment_failed")), std::vector{Trigger::paid});
  EXPECT_EQ(triggers(before, after, in(Status::trial)), no_trigger) << "nobody has paid";
}

// Cancelled by the tenant itself at second 20, while Stripe's subscription goes on.
TEST(Decide, TenantThatCancelledComesBackByAPaymentAfterThatAlone) {
  auto cancelled = in(Status::cancelled, "requested_by_tenant");
  cancelled.status_since = at(20);
  auto known = Known{}.say(stated("active", 10));
  const auto before = known.account();
  EXPECT_EQ(triggers(before, known.say(confirmed("active", 30)).account(), cancelled), no_trigger) << "metadata";
  const auto late = Known{known}.pay(invoice("in_1", 15)).account();
  EXPECT_EQ(triggers(before, late, cancelled), no_trigger) << "heard late, paid before";
  const auto owed = Known{known}.say(failed(invoice("in_2", 40))).account();
  EXPECT_EQ(triggers(before, owed, cancelled), no_trigger) << "a late failure";
  const auto paid = Known{known}.pay(invoice("in_2", 40)).account();
  EXPECT_EQ(triggers(before, paid, cancelled), std::vector{Trigger::paid});

  cancelled.status_since = at(40) + Milliseconds{900};
  EXPECT_EQ(triggers(before, paid, cancelled), std::vector{Trigger::paid}) << "Stripe tells whole seconds";
}

TEST(Decide, FirstStatementHeardAfterTheCancellationIsNoPaymentWhereItOnlyConfirms) {
  auto cancelled = in(Status::cancelled, "requested_by_tenant");
  cancelled.status_since = at(20);
  EXPECT_EQ(triggers({}, Known{}.say(confirmed("active", 30)).account(), cancelled), no_trigger);
}

TEST(Decide, FixedTermOfNothingIsASubscription) {
  auto contract = stated("active", 10);
  contract.cancel_at = at(31'536'000);
  const auto account = Known{}.say(contract).account();
  EXPECT_EQ(triggers({}, account, in(Status::trial)), std::vector{Trigger::paid});
  EXPECT_FALSE(on_trial_ended(account, in(Status::trial), starter.trial_ends_at));
}

TEST(Decide, FreePlanIsNeverSuspendedForAPayment) {
  auto free_plan = in(Status::active);
  free_plan.price_minor = 0;
  EXPECT_EQ(triggers({}, Known{}.say(stated("unpaid", 10)).account(), free_plan), no_trigger);
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

const Tenancy trial{.status = Status::trial, .trial_ends_at = at(0), .price_minor = 4900};
const Tenancy free_plan{.status = Status::trial, .trial_ends_at = at(0), .price_minor = 0};
const Tenancy extended{.status = Status::trial, .trial_ends_at = at(60), .price_minor = 4900};
const Ask suspend{Trigger::trial_ended, "trial_expired"};
INSTANTIATE_TEST_SUITE_P(, TrialEnd,
                         testing::Values(TrialRow{"NeverPaidSuspends", {}, trial, suspend},
                                         TrialRow{"PastDueSuspends", Known{}.say(failed(invoice("in_1", 1))).account(),
                                                  trial, suspend},
                                         TrialRow{"PaidGoesOn", Known{}.receive(at(1)).account(), trial, std::nullopt},
                                         TrialRow{"FreePlanGoesOn", {}, free_plan, Ask{Trigger::paid, "free_plan"}},
                                         TrialRow{"ExtendedTrialIgnoresTheOldTimer", {}, extended, std::nullopt}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace tenantry::billing::account_test
