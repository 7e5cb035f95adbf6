// Goal: whose a Stripe event is does not depend on the order in which events come, nor on
// how close together; what must not move a tenant is on record and moves none.
// Method: Stripe's JSON, given to what the gateway's webhook runs in its transaction, as
// the gateway's role.
#include <gtest/gtest.h>

#include <future>
#include <nlohmann/json.hpp>

#include "shared/db/run.h"
#include "shared/messaging/outbox.h"
#include "tests/support/services.h"
#include "workers/gateway/stripe/inbox.h"

namespace tenantry::gateway::stripe_intake_test {
namespace {

using nlohmann::json;
using testing::must;
using testing::TestDatabase;

const json acme = {{"tenant_id", "acme"}};

json subscription(const json& more = json::object()) {
  json object = {{"id", "sub_1"}, {"object", "subscription"}, {"customer", "cus_1"}, {"status", "active"}};
  object.update(more);
  return object;
}
json invoice(const json& more = json::object()) {
  json object = {{"id", "in_1"},         {"object", "invoice"}, {"customer", "cus_1"}, {"subscription", "sub_1"},
                 {"amount_paid", 4'900}, {"currency", "eur"},   {"charge", "ch_1"},    {"payment_intent", "pi_1"}};
  object.update(more);
  return object;
}
json session(const json& more = json::object()) {
  json object = {{"id", "cs_1"},
                 {"object", "checkout.session"},
                 {"customer", "cus_1"},
                 {"payment_status", "paid"},
                 {"amount_total", 4'900}};
  object.update(more);
  return object;
}
const json dispute = {
    {"id", "dp_1"}, {"object", "dispute"}, {"charge", "ch_1"}, {"payment_intent", "pi_1"}, {"amount", 4'900}};

class StripeIntake : public ::testing::Test {
 protected:
  void SetUp() override {
    database.add_tenant("acme");
    database.add_tenant("globex");
  }

  json event(const std::string& id, const std::string& type, const json& object) {
    return {{"id", id}, {"type", type}, {"created", to_unix_seconds(clock.now())}, {"data", {{"object", object}}}};
  }

  void post_body(db::Connection& through, const std::string& body, const StripePolicy& policy = {}) {
    const auto fact = read_stripe_event(body);
    must(db::run(through, {}, [&](db::Transaction& tx) -> Result<void> {
      messaging::Outbox outbox("/tenantry/gateway", {"stripe", fact.event_id, "", ""}, ids, clock.now());
      if (auto done = store_stripe_event(tx, outbox, policy, fact, body); !done) return done;
      outbox.flush(tx);
      return {};
    }));
  }
  void post(const json& event, const StripePolicy& policy = {}) { post_body(connection, event.dump(), policy); }

  // As an admin; "" or the reason of the refusal.
  template <class Work>
  std::string settle(const Work& work) {
    const auto done = db::run(connection, {}, [&](db::Transaction& tx) -> Result<void> {
      messaging::Outbox outbox("/tenantry/gateway", {"user", "ada", "", ""}, ids, clock.now());
      if (auto settled = work(tx, outbox); !settled) return settled;
      outbox.flush(tx);
      return {};
    });
    return done ? "" : done.error().reason;
  }
  std::string redrive(const std::string& id, const StripePolicy& policy = {}) {
    return settle([&](auto& tx, auto& outbox) {
      return redrive_stripe_event(tx, outbox, policy, id, {"ada", "set right"});
    });
  }
  std::string assign(const std::string& id, const std::string& tenant_id) {
    return settle([&](auto& tx, auto& outbox) {
      return assign_stripe_event(tx, outbox, {}, id, tenant_id, {"ada", "their mail"});
    });
  }
  std::string drop(const std::string& id) {
    return settle([&](auto& tx, auto& outbox) {
      return drop_stripe_event(tx, outbox, id, {"ada", "of another product"});
    });
  }

  int release_due(int at_most = 100) {
    int taken = 0;
    must(db::run(connection, {}, [&](db::Transaction& tx) -> Result<void> {
      messaging::Outbox outbox("/tenantry/gateway", {"stripe", "", "", ""}, ids, clock.now());
      taken = release_due_stripe_events(tx, outbox, {}, at_most);
      outbox.flush(tx);
      return {};
    }));
    return taken;
  }

  // "evt_1 published acme, evt_2 parked no_tenant"
  std::string on_record() {
    return database.value(
        "SELECT coalesce(string_agg(concat_ws(' ', stripe_event_id, state, tenant_id, CASE WHEN state = 'parked' THEN "
        "reason END), ', ' ORDER BY stripe_event_id), '') FROM billing.stripe_events");
  }
  // What the workers and the audit log are told: "payment.succeeded acme"
  std::string told() {
    return database.value(
        "SELECT coalesce(string_agg(type || ' ' || tenant_id, ', ' ORDER BY type, tenant_id), '') FROM "
        "messaging.outbox");
  }

  ManualClock clock{from_unix_seconds(1'800'000'000)};
  SystemIdGenerator ids{clock};
  TestDatabase database;
  db::Connection connection{database.url("gateway"), "test"};
};

// S03: a new customer's first three events, two of which do not name the tenant.
TEST_F(StripeIntake, OrderOfACustomersFirstEventsDoesNotMatter) {
  const std::vector<json> events = {event("evt_1", "customer.subscription.created", subscription()),
                                    event("evt_2", "invoice.paid", invoice()),
                                    event("evt_3", "checkout.session.completed", session({{"metadata", acme}}))};
  std::vector<int> order = {0, 1, 2};
  do {
    database.exec("superuser", "TRUNCATE billing.stripe_events, billing.stripe_links, messaging.outbox");
    for (const auto i : order) post(events[static_cast<std::size_t>(i)]);
    EXPECT_EQ(on_record(), "evt_1 published acme, evt_2 published acme, evt_3 published acme");
    EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.outbox WHERE type NOT LIKE 'stripe.%' AND "
                             "tenant_id = 'acme'"),
              "3");
  } while (std::next_permutation(order.begin(), order.end()));
}

// S04: at once, on connections of their own.
TEST_F(StripeIntake, EventsThatComeTogetherFindEachOther) {
  db::Connection other(database.url("gateway"), "test");
  for (int i = 0; i < 30; ++i) {
    const auto n = std::to_string(i);
    const json customer = {{"customer", "cus_" + n}};
    auto paid = invoice(customer);
    paid.erase("subscription");
    paid["id"] = "in_" + n;
    paid["charge"] = "ch_" + n;
    paid["payment_intent"] = "pi_" + n;
    auto ended = session(customer);
    ended["id"] = "cs_" + n;
    ended["metadata"] = acme;
    const auto first = event("evt_a" + n, "checkout.session.completed", ended).dump();
    const auto second = event("evt_b" + n, "invoice.paid", paid).dump();
    auto at_once = std::async(std::launch::async, [&] { post_body(other, second); });
    post_body(connection, first);
    at_once.get();
  }
  EXPECT_EQ(database.value("SELECT count(*)::text FROM billing.stripe_events WHERE state = 'published' AND tenant_id = "
                           "'acme'"),
            "60");
}

// S10: as Stripe sends it: ids, and no customer.
TEST_F(StripeIntake, DisputeFindsItsTenantByTheCharge) {
  post(event("evt_1", "invoice.paid", invoice({{"metadata", acme}})));
  post(event("evt_2", "charge.dispute.created", dispute));
  EXPECT_EQ(on_record(), "evt_1 published acme, evt_2 published acme");
}

TEST_F(StripeIntake, DisputeFindsItsTenantByTheChargeInTheNewShape) {
  auto paid = invoice(
      {{"metadata", acme}, {"payments", {{"data", json::array({{{"payment", {{"payment_intent", "pi_1"}}}}})}}}});
  paid.erase("charge");
  paid.erase("payment_intent");
  post(event("evt_2", "charge.dispute.created", dispute));
  EXPECT_EQ(on_record(), "evt_2 parked no_tenant");
  post(event("evt_1", "invoice.paid", paid));
  EXPECT_EQ(on_record(), "evt_1 published acme, evt_2 published acme");
}

// Each knows only the next: the last names the tenant.
TEST_F(StripeIntake, ReleaseTeachesInItsTurn) {
  post(event("evt_1", "charge.dispute.created", dispute));
  auto paid = invoice();
  paid.erase("customer");
  post(event("evt_2", "invoice.paid", paid));
  post(event("evt_3", "customer.subscription.updated", subscription()));
  EXPECT_EQ(on_record(), "evt_1 parked no_tenant, evt_2 parked no_tenant, evt_3 parked no_tenant");
  post(event("evt_4", "customer.updated", {{"id", "cus_1"}, {"object", "customer"}, {"metadata", acme}}));
  EXPECT_EQ(on_record(), "evt_1 published acme, evt_2 published acme, evt_3 published acme, evt_4 ignored acme");
  EXPECT_EQ(told(),
            "payment.disputed acme, payment.succeeded acme, stripe.event_parked platform, stripe.event_parked "
            "platform, stripe.event_parked platform, stripe.event_received acme, stripe.event_released acme, "
            "stripe.event_released acme, stripe.event_released acme, subscription.updated acme");
}

// As of 2025-03-31 an invoice names no charge: what has a charge and its customer is of a type without a rule, and
// comes before the session that names the tenant.
TEST_F(StripeIntake, WhatHasNoRuleTeachesLater) {
  const auto charged =
      event("evt_1", "charge.succeeded", {{"id", "ch_1"}, {"object", "charge"}, {"customer", "cus_1"}});
  const std::vector<json> events = {charged,
                                    event("evt_2", "checkout.session.completed", session({{"metadata", acme}})),
                                    event("evt_3", "charge.dispute.created", dispute)};
  std::vector<int> order = {0, 1, 2};
  do {
    database.exec("superuser", "TRUNCATE billing.stripe_events, billing.stripe_links, messaging.outbox");
    for (const auto i : order) post(events[static_cast<std::size_t>(i)]);
    EXPECT_EQ(on_record(), "evt_1 ignored acme, evt_2 published acme, evt_3 published acme");
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(StripeIntake, WhatHasNoRuleAndMustNotMoveATenantTeachesNothing) {
  const json charge = {{"id", "ch_1"}, {"object", "charge"}, {"customer", "cus_1"}};
  auto foreign = event("evt_1", "charge.succeeded", charge);
  foreign["account"] = "acct_1";
  post(foreign);
  auto live = event("evt_2", "charge.succeeded", charge);
  live["livemode"] = true;
  post(live, {.live = false});
  post(event("evt_3", "charge.dispute.created", dispute), {.live = false});
  post(event("evt_4", "checkout.session.completed", session({{"metadata", acme}})), {.live = false});
  EXPECT_EQ(on_record(), "evt_1 ignored, evt_2 ignored, evt_3 parked no_tenant, evt_4 published acme");
}

// S55: payment links and pricing tables can set no metadata.
TEST_F(StripeIntake, CheckoutNamesItsTenantByReference) {
  post(event("evt_1", "checkout.session.completed", session({{"client_reference_id", "acme"}})));
  EXPECT_EQ(on_record(), "evt_1 published acme");
}

TEST_F(StripeIntake, MetadataCountsBeforeTheReferenceAndThatBeforeTheCustomer) {
  post(event("evt_1", "customer.updated", {{"id", "cus_1"}, {"object", "customer"}, {"metadata", acme}}));
  post(event("evt_2", "checkout.session.completed", session({{"client_reference_id", "globex"}})));
  post(event("evt_3", "checkout.session.completed",
             session({{"id", "cs_3"}, {"client_reference_id", "globex"}, {"metadata", acme}})));
  EXPECT_EQ(on_record(), "evt_1 ignored acme, evt_2 published globex, evt_3 published acme");
}

TEST_F(StripeIntake, ReferenceThatIsNoTenantIsNotOurs) {
  post(event("evt_1", "checkout.session.completed", session({{"client_reference_id", "order 4711"}})));
  EXPECT_EQ(on_record(), "evt_1 parked no_tenant");
}

TEST_F(StripeIntake, CustomerOfADeletedTenantIsLearntAnew) {
  post(event("evt_1", "invoice.paid", invoice({{"metadata", acme}})));
  database.exec("superuser", "UPDATE platform.tenants SET status = 'deleted' WHERE tenant_id = 'acme'");
  post(event("evt_2", "invoice.paid", invoice({{"id", "in_2"}})));
  EXPECT_EQ(on_record(), "evt_1 published acme, evt_2 parked no_tenant");
  post(event("evt_3", "customer.subscription.created", subscription({{"metadata", {{"tenant_id", "globex"}}}})));
  EXPECT_EQ(on_record(), "evt_1 published acme, evt_2 published globex, evt_3 published globex");
}

TEST_F(StripeIntake, AnothersCustomerStaysTheirs) {
  post(event("evt_1", "invoice.paid", invoice({{"metadata", acme}})));
  post(event("evt_2", "invoice.paid", invoice({{"id", "in_2"}, {"metadata", {{"tenant_id", "globex"}}}})));
  post(event("evt_3", "customer.subscription.updated", subscription()));
  EXPECT_EQ(on_record(), "evt_1 published acme, evt_2 published globex, evt_3 published acme");
}

// S05: whoever owns a connected account writes its metadata.
TEST_F(StripeIntake, ForeignAccountMovesNobodyAndTeachesNothing) {
  auto foreign = event("evt_1", "customer.subscription.deleted", subscription({{"metadata", acme}}));
  foreign["account"] = "acct_1";
  post(foreign);
  post(event("evt_2", "invoice.paid", invoice()));
  EXPECT_EQ(on_record(), "evt_1 parked foreign_account, evt_2 parked no_tenant");
  EXPECT_EQ(told(), "stripe.event_parked platform, stripe.event_parked platform");
  foreign["id"] = "evt_3";
  post(foreign, {.accounts = {"acct_1"}});
  EXPECT_EQ(on_record(), "evt_1 parked foreign_account, evt_2 published acme, evt_3 published acme");
}

// S48: a Stripe test clock of next year, and one of today.
TEST_F(StripeIntake, TheFutureAndTestClocksMoveNobody) {
  auto future = event("evt_1", "invoice.paid", invoice({{"metadata", acme}}));
  future["created"] = to_unix_seconds(clock.now() + Days{400});
  post(future);
  post(event("evt_2", "customer.subscription.deleted", subscription({{"metadata", acme}, {"test_clock", "clock_1"}})));
  auto live = event("evt_3", "invoice.paid", invoice({{"metadata", acme}}));
  live["livemode"] = true;
  post(live, {.live = false});
  EXPECT_EQ(on_record(), "evt_1 parked future, evt_2 parked test_clock, evt_3 parked wrong_mode");
}

// S39: a type without a rule is in the log of the tenant that it is about.
TEST_F(StripeIntake, TypeWithoutARuleIsNotedWithItsTenant) {
  post(event("evt_1", "customer.updated", {{"id", "cus_1"}, {"object", "customer"}, {"metadata", acme}}));
  post(event("evt_2", "charge.dispute.funds_withdrawn", {{"id", "dp_1"}, {"object", "dispute"}, {"charge", "ch_9"}}));
  EXPECT_EQ(told(), "stripe.event_received acme, stripe.event_received platform");
}

// S17: one event in the shapes of two API versions is one payment, and no alarm.
TEST_F(StripeIntake, TwinInAnotherShapeIsNoAlarm) {
  auto newer = invoice({{"metadata", acme}, {"parent", {{"subscription_details", {{"subscription", "sub_1"}}}}}});
  newer.erase("subscription");
  auto twin = event("evt_1", "invoice.paid", newer);
  post(event("evt_1", "invoice.paid", invoice({{"metadata", acme}})));
  post(twin);
  twin["pending_webhooks"] = 3;
  post(twin);
  EXPECT_EQ(told(), "payment.succeeded acme");
  twin["data"]["object"]["amount_paid"] = 1;
  post(twin);
  EXPECT_EQ(told(), "payment.succeeded acme, security.access_refused platform");
}

// S01, S18: what is signed is stored once, whatever it is.
TEST_F(StripeIntake, WhatCannotBeReadIsKeptAndParked) {
  post_body(connection, "{");
  post_body(connection, "{");
  post(event("evt_1", "customer.subscription.updated", subscription({{"status", "frozen"}, {"metadata", acme}})));
  EXPECT_EQ(database.value("SELECT string_agg(state || ' ' || reason || ' ' || convert_from(substr(body, 1, 1), "
                           "'UTF8'), ', ') FROM billing.stripe_events"),
            "parked unreadable {, parked unreadable {");
  EXPECT_NE(database.value("SELECT detail FROM billing.stripe_events WHERE stripe_event_id = 'evt_1'").find("status"),
            std::string::npos);
  EXPECT_EQ(told(), "stripe.event_parked platform, stripe.event_parked platform");
}

TEST_F(StripeIntake, AdminAssignsAndWhatFollowsFindsItsTenant) {
  post(event("evt_1", "invoice.paid", invoice()));
  post(event("evt_2", "customer.subscription.updated", subscription()));
  EXPECT_EQ(assign("evt_1", "nobody"), "tenant_not_found");
  EXPECT_EQ(assign("evt_1", "acme"), "");
  EXPECT_EQ(on_record(), "evt_1 published acme, evt_2 published acme");
  EXPECT_EQ(database.value("SELECT string_agg(settled_by, ' ' ORDER BY stripe_event_id) FROM billing.stripe_events"),
            "ada stripe");
  EXPECT_EQ(assign("evt_1", "globex"), "not_parked");
}

TEST_F(StripeIntake, AdminAssignsAForeignAccountsEventAndLearnsNothingOfIt) {
  auto foreign = event("evt_1", "invoice.paid", invoice());
  foreign["account"] = "acct_1";
  post(foreign);
  EXPECT_EQ(assign("evt_1", "acme"), "");
  post(event("evt_2", "customer.subscription.updated", subscription()));
  EXPECT_EQ(on_record(), "evt_1 published acme, evt_2 parked no_tenant");
}

TEST_F(StripeIntake, AdminRedrivesWhatTheSettingsNowTake) {
  auto foreign = event("evt_1", "invoice.paid", invoice({{"metadata", acme}}));
  foreign["account"] = "acct_1";
  post(foreign);
  EXPECT_EQ(redrive("evt_1"), "still_parked");
  EXPECT_EQ(redrive("evt_1", {.accounts = {"acct_1"}}), "");
  EXPECT_EQ(on_record(), "evt_1 published acme");
  post(event("evt_2", "invoice.paid",
             invoice({{"id", "in_2"},
                      {"customer", "cus_2"},
                      {"subscription", "sub_2"},
                      {"charge", "ch_2"},
                      {"payment_intent", "pi_2"}})));
  EXPECT_EQ(redrive("evt_2"), "still_parked") << "nobody knows whose it is";
  EXPECT_EQ(redrive("evt_9"), "stripe_event_not_found");
}

TEST_F(StripeIntake, AdminDropsAndNothingReleasesItAfterwards) {
  post(event("evt_1", "invoice.paid", invoice()));
  EXPECT_EQ(drop("evt_1"), "");
  post(event("evt_2", "customer.subscription.updated", subscription({{"metadata", acme}})));
  EXPECT_EQ(on_record(), "evt_1 dropped, evt_2 published acme");
  EXPECT_EQ(redrive("evt_1"), "not_parked");
  EXPECT_NE(told().find("stripe.event_dropped platform"), std::string::npos);
}

// A clock that was wrong is set right, and the time comes anyway.
TEST_F(StripeIntake, WhatWasOfTheFutureIsTakenWhenItsTimeHasCome) {
  clock.advance(Days{3});
  const auto early = event("evt_1", "invoice.paid", invoice({{"metadata", acme}}));
  const auto unknown = event("evt_2", "invoice.paid", invoice({{"customer", "cus_2"}, {"subscription", "sub_2"}}));
  clock.advance(-Days{3});
  post(early);
  post(unknown);
  EXPECT_EQ(release_due(), 0);
  EXPECT_EQ(on_record(), "evt_1 parked future, evt_2 parked future");
  clock.advance(Days{2});
  EXPECT_EQ(release_due(), 2);
  EXPECT_EQ(on_record(), "evt_1 published acme, evt_2 published acme") << "they share a charge";
  EXPECT_EQ(told(),
            "payment.succeeded acme, payment.succeeded acme, stripe.event_parked platform, stripe.event_parked "
            "platform, stripe.event_released acme, stripe.event_released acme");
  EXPECT_EQ(release_due(), 0);
}

TEST_F(StripeIntake, WhatComesDueAndBelongsToNobodyWaitsAsBefore) {
  clock.advance(Days{3});
  const auto early = event("evt_1", "invoice.paid", invoice());
  clock.advance(-Days{3});
  post(early);
  clock.advance(Days{3});
  EXPECT_EQ(release_due(), 1);
  EXPECT_EQ(on_record(), "evt_1 parked no_tenant");
  EXPECT_EQ(release_due(), 0);
  post(event("evt_2", "customer.subscription.updated", subscription({{"metadata", acme}})));
  EXPECT_EQ(on_record(), "evt_1 published acme, evt_2 published acme");
}

// A customer of years whose tenant is named at last: more than one transaction takes, and none waits for an admin.
TEST_F(StripeIntake, MoreThanIsReleasedAtOnceFollowsByItself) {
  post(event("evt_0", "invoice.paid", invoice()));
  database.exec(
      "superuser",
      "INSERT INTO billing.stripe_events SELECT (jsonb_populate_record(e, jsonb_build_object('stripe_event_id', "
      "'evt_' || n))).* FROM billing.stripe_events e, generate_series(1, 1249) AS n");
  database.exec(
      "superuser",
      "UPDATE billing.stripe_events SET body = convert_to(replace(replace(convert_from(body, 'UTF8'), "
      "'evt_0', stripe_event_id), 'in_1', 'in_' || stripe_event_id), 'UTF8') WHERE stripe_event_id <> 'evt_0'");
  post(event("evt_sub", "customer.subscription.updated", subscription({{"metadata", acme}})));
  const auto in_state = [&](const char* state) {
    return database.value("SELECT count(*) FROM billing.stripe_events WHERE state = $1", {state});
  };
  EXPECT_EQ(in_state("published"), "1001");
  EXPECT_EQ(in_state("parked"), "250");
  EXPECT_EQ(release_due(), 100);
  EXPECT_EQ(release_due(), 100);
  EXPECT_EQ(release_due(), 50);
  EXPECT_EQ(in_state("published"), "1251");
  EXPECT_EQ(database.value("SELECT count(DISTINCT id) FROM messaging.outbox WHERE type = 'payment.succeeded' AND "
                           "tenant_id = 'acme'"),
            "1250");
}

TEST_F(StripeIntake, WhatCannotBeReadCannotBeAssigned) {
  post(event("evt_1", "customer.subscription.updated", subscription({{"status", "frozen"}})));
  EXPECT_EQ(assign("evt_1", "acme"), "unreadable");
  EXPECT_EQ(on_record(), "evt_1 parked unreadable");
}

TEST_F(StripeIntake, ThinEventIsAcknowledged) {
  post_body(connection, R"({"id":"evt_1","object":"v2.core.event","type":"v2.core.event_destination.ping",)"
                        R"("created":"2026-11-21T10:13:05.123456789Z","livemode":true})");
  EXPECT_EQ(on_record(), "evt_1 ignored");
}

}  // namespace
}  // namespace tenantry::gateway::stripe_intake_test
