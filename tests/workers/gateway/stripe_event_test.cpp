// Goal: one reading of Stripe's events, whatever API version wrote them.
// Method: recorded objects, and small ones that differ in one place, wrapped in an event.
#include "workers/gateway/stripe/event.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "events/proto_time.h"
#include "tenantry/events/v1/billing.pb.h"
#include "tests/support/source_path.h"

namespace tenantry::gateway::stripe_event_test {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

json recorded(const std::string& name) {
  std::ifstream in(source_path("tests/data/stripe/") + name + ".json");
  auto value = json::parse(in);
  return value.contains("object") && value["object"].is_object() ? value["object"] : value;
}

StripeFact read(const std::string& type, const json& object) {
  const json event = {
      {"id", "evt_1"}, {"object", "event"}, {"type", type}, {"created", 1'700'000'000}, {"data", {{"object", object}}}};
  return read_stripe_event(event.dump());
}

template <class M>
const M& message_of(const StripeFact& fact) {
  return dynamic_cast<const M&>(*fact.message);
}

// Signed, so it is stored and answered 200; nothing of it can hold a NUL.
TEST(StripeEvent, ANulIsShownAndNamesNobody) {
  const auto fact =
      read_stripe_event(R"({"id":"evt_\u0000","type":"invoice.paid","account":"acct\u0000","created":1700000000,
      "data":{"object":{"id":"in_1","object":"invoice","customer":"cus_\u0000","currency":"eur","amount_due":1,
      "amount_paid":1,"total":1,"metadata":{"tenant_id":"acme\u0000"}}}})");
  ASSERT_FALSE(fact.unreadable) << fact.unreadable->describe();
  for (const auto* text : {&fact.event_id, &fact.account, &fact.tenant_id, &fact.object_ids.at(0)}) {
    EXPECT_EQ(text->find('\0'), text->npos) << *text;
    EXPECT_NE(text->find("\xEF\xBF\xBD"), text->npos) << *text;
  }
}

TEST(StripeEvent, ReadsARecordedSubscriptionOfAnOldVersion) {
  const auto fact = read("customer.subscription.created", recorded("subscription.created"));
  ASSERT_FALSE(fact.unreadable) << fact.unreadable->describe();
  EXPECT_EQ(fact.event_id, "evt_1");
  EXPECT_EQ(fact.stated_at, from_unix_seconds(1'700'000'000));
  EXPECT_EQ(fact.object_ids, (std::vector<std::string>{"sub_00000000000000", "cus_00000000000000", "in_1000"}));
  EXPECT_EQ(fact.tenant_id, "");
  const auto& said = message_of<v1::SubscriptionCreated>(fact).subscription();
  EXPECT_EQ(said.status(), "active");
  EXPECT_EQ(said.price_id(), "FFBEGINNER_00000000000000");
  EXPECT_EQ(said.quantity(), 2);
  EXPECT_EQ(said.current_period_start().seconds(), 1486568724);
  EXPECT_EQ(said.current_period_end().seconds(), 1488987924);
  EXPECT_FALSE(said.has_canceled_at());
  EXPECT_EQ(said.stated_at().seconds(), 1'700'000'000);
  EXPECT_EQ(said.stripe_event_id(), "evt_1");
}

TEST(StripeEvent, ReadsARecordedSubscriptionWhosePeriodIsOnItsItem) {
  const auto fact = read("customer.subscription.updated", recorded("subscription.updated"));
  ASSERT_FALSE(fact.unreadable) << fact.unreadable->describe();
  const auto& said = message_of<v1::SubscriptionUpdated>(fact).subscription();
  EXPECT_EQ(said.status(), "canceled");
  EXPECT_EQ(said.current_period_start().seconds(), 1486568724);
  EXPECT_EQ(said.current_period_end().seconds(), 1488987924);
  EXPECT_EQ(said.ended_at().seconds(), 1487872069);
}

TEST(StripeEvent, ReadsARecordedDeletion) {
  const auto fact = read("customer.subscription.deleted", recorded("subscription.deleted"));
  ASSERT_FALSE(fact.unreadable) << fact.unreadable->describe();
  EXPECT_EQ(message_of<v1::SubscriptionDeleted>(fact).subscription().status(), "canceled");
  EXPECT_EQ(message_of<v1::SubscriptionDeleted>(fact).subscription().canceled_at().seconds(), 1487872069);
}

TEST(StripeEvent, ReadsARecordedFailedInvoice) {
  const auto fact = read("invoice.payment_failed", recorded("invoice.payment_failed"));
  ASSERT_FALSE(fact.unreadable) << fact.unreadable->describe();
  EXPECT_EQ(fact.object_ids.at(0), "sub_1234");
  const auto& said = message_of<v1::PaymentFailed>(fact).payment();
  EXPECT_EQ(said.stripe_object_id(), "in_1234");
  EXPECT_EQ(said.stripe_customer_id(), "cus_1234");
  EXPECT_EQ(said.stripe_subscription_id(), "sub_1234");
  EXPECT_EQ(said.amount_minor(), 24900);
  EXPECT_EQ(said.currency(), "USD");
  EXPECT_EQ(said.attempt_count(), 1);
  EXPECT_EQ(said.next_attempt_at().seconds(), 1745552783);
  EXPECT_EQ(said.invoice_number(), "F612594F-0002");
  EXPECT_EQ(said.invoice_url(), "https://invoice.stripe.com/");
}

TEST(StripeEvent, ReadsARecordedCheckout) {
  const auto fact = read("checkout.session.completed", recorded("checkout.session.completed"));
  ASSERT_FALSE(fact.unreadable) << fact.unreadable->describe();
  EXPECT_EQ(fact.object_ids.at(0), "sub_1LNkeSKXBGcbgpbZ7jMqOPSi");
  EXPECT_EQ(fact.object_ids.at(1), "cus_M5wW9RPFk9xNZ5");
  EXPECT_EQ(message_of<v1::CheckoutCompleted>(fact).payment().amount_minor(), 1900);
}

TEST(StripeEvent, KeepsATypeWithoutARuleWithoutAMessage) {
  const auto fact = read_stripe_event(recorded("account.updated").dump());
  ASSERT_FALSE(fact.unreadable) << fact.unreadable->describe();
  EXPECT_EQ(fact.type, "account.updated");
  EXPECT_EQ(fact.account, "acct_00000000000000");
  EXPECT_EQ(fact.message, nullptr);
}

struct TypeRow {
  const char* name;
  const char* type;
  json object;
  const char* message;  // "": none
  std::int64_t amount = 0;
};
class StripeEventType : public testing::TestWithParam<TypeRow> {};

TEST_P(StripeEventType, BecomesOneMessage) {
  const auto& row = GetParam();
  const auto fact = read(row.type, row.object);
  ASSERT_FALSE(fact.unreadable) << fact.unreadable->describe();
  ASSERT_EQ(fact.message ? fact.message->GetDescriptor()->name() : "", row.message);
  if (!fact.message) return;
  const auto* payment = fact.message->GetDescriptor()->FindFieldByName("payment");
  if (payment == nullptr) return;
  const auto& said =
      dynamic_cast<const v1::PaymentFacts&>(fact.message->GetReflection()->GetMessage(*fact.message, payment));
  EXPECT_EQ(said.amount_minor(), row.amount);
}

const json sub = {{"id", "sub_1"}, {"status", "active"}};
INSTANTIATE_TEST_SUITE_P(
    , StripeEventType,
    testing::Values(
        TypeRow{"Created", "customer.subscription.created", sub, "SubscriptionCreated"},
        TypeRow{"Updated", "customer.subscription.updated", sub, "SubscriptionUpdated"},
        TypeRow{"Deleted", "customer.subscription.deleted", sub, "SubscriptionDeleted"},
        TypeRow{"Paused", "customer.subscription.paused", sub, "SubscriptionPaused"},
        TypeRow{"Resumed", "customer.subscription.resumed", sub, "SubscriptionResumed"},
        TypeRow{"TrialWillEnd", "customer.subscription.trial_will_end", sub, "SubscriptionTrialEnding"},
        TypeRow{"Paid", "invoice.paid", {{"id", "in_1"}, {"amount_paid", 4900}}, "PaymentSucceeded", 4900},
        TypeRow{"PaymentSucceeded",
                "invoice.payment_succeeded",
                {{"id", "in_1"}, {"amount_paid", 1}},
                "PaymentSucceeded",
                1},
        TypeRow{"PaidWithoutAmount", "invoice.paid", {{"id", "in_1"}}, "PaymentSucceeded", 0},
        TypeRow{
            "PaidNothing", "invoice.paid", {{"id", "in_1"}, {"amount_paid", 0}, {"amount_due", 0}}, "InvoiceClosed"},
        TypeRow{"PaidFromTheCustomersCredit",
                "invoice.paid",
                {{"id", "in_1"}, {"total", 4900}, {"starting_balance", -6000}, {"amount_due", 0}, {"amount_paid", 0}},
                "PaymentSucceeded",
                4900},
        TypeRow{"PaidOutOfBand",
                "invoice.paid",
                {{"id", "in_1"}, {"total", 4900}, {"amount_due", 4900}, {"amount_paid", 0}, {"paid_out_of_band", true}},
                "PaymentSucceeded",
                4900},
        TypeRow{"CreditedWhole",
                "invoice.paid",
                {{"id", "in_1"},
                 {"total", 4900},
                 {"pre_payment_credit_notes_amount", 4900},
                 {"amount_due", 0},
                 {"amount_paid", 0}},
                "InvoiceClosed",
                4900},
        TypeRow{
            "Voided", "invoice.voided", {{"id", "in_1"}, {"status", "void"}, {"amount_due", 7}}, "InvoiceClosed", 7},
        TypeRow{"WrittenOff", "invoice.marked_uncollectible", {{"id", "in_1"}, {"amount_due", 7}}, "InvoiceClosed", 7},
        TypeRow{"UpdatedAndOpen", "invoice.updated", {{"id", "in_1"}, {"status", "open"}}, ""},
        TypeRow{"UpdatedAndCredited", "invoice.updated", {{"id", "in_1"}, {"status", "paid"}}, "InvoiceClosed"},
        TypeRow{"CheckoutPaidLater",
                "checkout.session.async_payment_succeeded",
                {{"id", "cs_1"}, {"amount_total", 9}, {"payment_status", "paid"}},
                "CheckoutCompleted",
                9},
        TypeRow{"CheckoutFailedLater",
                "checkout.session.async_payment_failed",
                {{"id", "cs_1"}, {"amount_total", 9}, {"payment_status", "unpaid"}},
                "PaymentFailed",
                9},
        TypeRow{"CheckoutOfNothing",
                "checkout.session.completed",
                {{"id", "cs_1"},
                 {"mode", "setup"},
                 {"customer", "cus_1"},
                 {"currency", nullptr},
                 {"amount_total", nullptr}},
                "CheckoutCompleted",
                0},
        TypeRow{"DisputeWon",
                "charge.dispute.closed",
                {{"id", "dp_1"}, {"status", "won"}, {"amount", 9}},
                "PaymentDisputeClosed",
                9},
        TypeRow{"UpgradeThatExpired", "customer.subscription.pending_update_expired", sub, "SubscriptionUpdated"},
        TypeRow{"Failed", "invoice.payment_failed", {{"id", "in_1"}, {"amount_due", 7}}, "PaymentFailed", 7},
        TypeRow{"Finalized", "invoice.finalized", {{"id", "in_1"}, {"amount_due", 7}}, "InvoiceFinalized", 7},
        TypeRow{"Checkout",
                "checkout.session.completed",
                {{"id", "cs_1"}, {"amount_total", 9}, {"payment_status", "paid"}},
                "CheckoutCompleted",
                9},
        TypeRow{"CheckoutNotPaidYet",
                "checkout.session.completed",
                {{"id", "cs_1"}, {"amount_total", 9}, {"payment_status", "unpaid"}},
                "CheckoutCompleted",
                0},
        TypeRow{"Refunded",
                "charge.refunded",
                {{"id", "ch_1"}, {"amount", 9}, {"amount_refunded", 4}},
                "PaymentRefunded",
                4},
        TypeRow{"Disputed",
                "charge.dispute.created",
                {{"id", "dp_1"}, {"charge", "ch_1"}, {"amount", 9}},
                "PaymentDisputed",
                9},
        TypeRow{"Unknown", "customer.created", {{"id", 7}}, ""}),
    [](const auto& tested) { return tested.param.name; });

// The same fact in the shapes that Stripe's versions gave it.
struct ShapeRow {
  const char* name;
  const char* type;
  json object;
  const char* tenant_id = "";
  const char* customer_id = "";
  const char* subscription_id = "";
  const char* price_id = "";
};
class StripeEventShape : public testing::TestWithParam<ShapeRow> {};

TEST_P(StripeEventShape, IsReadAlike) {
  const auto& row = GetParam();
  const auto fact = read(row.type, row.object);
  ASSERT_FALSE(fact.unreadable) << fact.unreadable->describe();
  EXPECT_EQ(fact.tenant_id, row.tenant_id);
  for (const std::string id : {row.customer_id, row.subscription_id}) {
    if (id.empty()) continue;
    EXPECT_NE(std::ranges::find(fact.object_ids, id), fact.object_ids.end()) << id;
  }
  if (const auto* said = dynamic_cast<const v1::SubscriptionUpdated*>(fact.message.get())) {
    EXPECT_EQ(said->subscription().price_id(), row.price_id);
  }
}

const char* const updated = "customer.subscription.updated";
const char* const paid = "invoice.paid";
json with(json object, const char* key, json value) {
  object[key] = std::move(value);
  return object;
}
const json invoice = {{"id", "in_1"}, {"amount_paid", 1}};
const json acme = {{"tenant_id", "acme"}};
INSTANTIATE_TEST_SUITE_P(
    , StripeEventShape,
    testing::Values(
        ShapeRow{"MetadataOfTheObject", updated, with(sub, "metadata", acme), "acme", "", "sub_1"},
        ShapeRow{"MetadataOfSubscriptionDetails", paid, with(invoice, "subscription_details", {{"metadata", acme}}),
                 "acme"},
        ShapeRow{"MetadataOfTheParent", paid,
                 with(invoice, "parent", {{"subscription_details", {{"metadata", acme}, {"subscription", "sub_2"}}}}),
                 "acme", "", "sub_2"},
        ShapeRow{"MetadataOfTheFirstLine", paid,
                 with(invoice, "lines", {{"data", json::array({{{"metadata", acme}}})}}), "acme"},
        ShapeRow{"NoLines", paid, with(invoice, "lines", {{"data", json::array()}})},
        ShapeRow{"SubscriptionOfTheInvoice", paid, with(invoice, "subscription", "sub_2"), "", "", "sub_2"},
        ShapeRow{"SubscriptionExpanded", paid, with(invoice, "subscription", {{"id", "sub_2"}}), "", "", "sub_2"},
        ShapeRow{"CustomerExpanded", paid, with(invoice, "customer", {{"id", "cus_1"}}), "", "cus_1"},
        ShapeRow{"NullIsMissing", paid, with(with(invoice, "customer", nullptr), "parent", nullptr)},
        ShapeRow{"ChargeExpanded",
                 "charge.dispute.created",
                 {{"id", "dp_1"}, {"charge", {{"id", "ch_1"}, {"customer", "cus_1"}}}},
                 "",
                 "cus_1"},
        ShapeRow{"PriceOfTheItem", updated, with(sub, "items", {{"data", json::array({{{"price", {{"id", "p"}}}}})}}),
                 "", "", "sub_1", "p"},
        ShapeRow{"PlanOfTheItem", updated, with(sub, "items", {{"data", json::array({{{"plan", {{"id", "p"}}}}})}}), "",
                 "", "sub_1", "p"},
        ShapeRow{"PriceOfTheSubscription", updated, with(sub, "price", {{"id", "p"}}), "", "", "sub_1", "p"},
        ShapeRow{"PlanOfTheSubscription", updated, with(sub, "plan", {{"id", "p"}}), "", "", "sub_1", "p"}),
    [](const auto& tested) { return tested.param.name; });

struct WrongRow {
  const char* name;
  const char* type;
  json object;
  const char* pointer;
};
class StripeEventWrong : public testing::TestWithParam<WrongRow> {};

TEST_P(StripeEventWrong, IsUnreadableByField) {
  const auto& row = GetParam();
  const auto fact = read(row.type, row.object);
  ASSERT_TRUE(fact.unreadable);
  EXPECT_EQ(fact.message, nullptr);
  EXPECT_EQ(fact.event_id, "evt_1");
  EXPECT_EQ(fact.type, row.type);
  ASSERT_EQ(fact.unreadable->fields.size(), 1U);
  EXPECT_EQ(fact.unreadable->fields[0].pointer, row.pointer);
}

INSTANTIATE_TEST_SUITE_P(
    , StripeEventWrong,
    testing::Values(
        WrongRow{"NoObjectId", updated, {{"status", "active"}}, "/data/object/id"},
        WrongRow{"NoStatus", updated, {{"id", "sub_1"}}, "/data/object/status"},
        WrongRow{"StatusNumber", updated, {{"id", "sub_1"}, {"status", 1}}, "/data/object/status"},
        WrongRow{"ObjectIsText", updated, "sub_1", "/data/object"},
        WrongRow{"ItemsText", updated, with(sub, "items", "none"), "/data/object/items"},
        WrongRow{"ItemsNoList", updated, with(sub, "items", {{"data", "x"}}), "/data/object/items/data"},
        WrongRow{"PeriodText", updated, with(sub, "current_period_end", "soon"), "/data/object/current_period_end"},
        WrongRow{"PeriodTooFar", updated, with(sub, "cancel_at", 253'402'300'800), "/data/object/cancel_at"},
        WrongRow{"FlagNumber", updated, with(sub, "cancel_at_period_end", 1), "/data/object/cancel_at_period_end"},
        WrongRow{"StatusWithoutARule", updated, {{"id", "sub_1"}, {"status", "frozen"}}, "/data/object/status"},
        WrongRow{"PauseWithoutARule",
                 updated,
                 {{"id", "sub_1"},
                  {"status", "paused"},
                  {"status_details", {{"paused", {{"subscription", {{"type", "boredom"}}}}}}}},
                 "/data/object/status_details/paused/subscription/type"},
        WrongRow{"InvoiceStatusWithoutARule", paid, {{"id", "in_1"}, {"status", "forgiven"}}, "/data/object/status"},
        WrongRow{"BillingReasonWithoutARule",
                 "invoice.payment_failed",
                 {{"id", "in_1"}, {"billing_reason", "whim"}},
                 "/data/object/billing_reason"},
        WrongRow{"DisputeWithoutARule",
                 "charge.dispute.closed",
                 {{"id", "dp_1"}, {"status", "even"}},
                 "/data/object/status"},
        WrongRow{"CustomerNumber", updated, with(sub, "customer", 7), "/data/object/customer"},
        WrongRow{"AmountFraction", paid, {{"id", "in_1"}, {"amount_paid", 1.5}}, "/data/object/amount_paid"},
        WrongRow{"AmountHuge",
                 paid,
                 {{"id", "in_1"}, {"amount_paid", 18'446'744'073'709'551'615U}},
                 "/data/object/amount_paid"},
        WrongRow{"Currency", paid, {{"id", "in_1"}, {"amount_paid", 1}, {"currency", "euro"}}, "/data/object/currency"},
        WrongRow{"AttemptsNegative",
                 "invoice.payment_failed",
                 {{"id", "in_1"}, {"attempt_count", -1}},
                 "/data/object/attempt_count"}),
    [](const auto& tested) { return tested.param.name; });

TEST(StripeEvent, EnvelopeWithoutItsPartsIsUnreadable) {
  const auto pointer_of = [](const char* body) { return read_stripe_event(body).unreadable->fields.at(0).pointer; };
  EXPECT_EQ(pointer_of(R"({"type":"invoice.paid","created":1})"), "/id");
  EXPECT_EQ(pointer_of(R"({"id":"evt_1","created":1})"), "/type");
  EXPECT_EQ(pointer_of(R"({"id":"evt_1","type":"invoice.paid"})"), "/created");
  EXPECT_EQ(pointer_of(R"({"id":"evt_1","type":"invoice.paid","created":"1"})"), "/created");
  EXPECT_EQ(pointer_of(R"({"id":"evt_1","type":"invoice.paid","created":-1})"), "/created");
  EXPECT_EQ(pointer_of(R"({"id":"evt_1","type":"invoice.paid","created":1})"), "/data/object/id");
  EXPECT_EQ(pointer_of("[]"), "");
  EXPECT_TRUE(read_stripe_event(R"({"id":"evt_1","id":"evt_2","type":"x","created":1})").unreadable);
}

TEST(StripeEvent, UnreadableBytesAreKnownAgainByThemselves) {
  const auto one = read_stripe_event("{");
  EXPECT_EQ(one.event_id, read_stripe_event("{").event_id);
  EXPECT_NE(one.event_id, read_stripe_event("{ ").event_id);
  EXPECT_EQ(one.type, "unreadable");
}

// What Stripe's own events look like since its v2 API: no object, and an instant in words.
TEST(StripeEvent, ThinEventIsReadLikeAnyTypeWithoutARule) {
  const auto fact = read_stripe_event(R"({"id":"evt_test_61R","object":"v2.core.event","livemode":true,
      "type":"v1.billing.meter.error_report_triggered","created":"2026-11-21T10:13:05.123456789Z",
      "related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"}})");
  ASSERT_FALSE(fact.unreadable) << fact.unreadable->describe();
  EXPECT_EQ(fact.message, nullptr);
  EXPECT_EQ(to_unix_seconds(fact.stated_at), 1795255985);
}

TEST(StripeEvent, HalfACharacterIsReplacedAndTheRestIsRead) {
  const auto body = [](const std::string& description) {
    return R"({"id":"evt_1","type":"invoice.paid","created":1700000000,"data":{"object":{"id":"in_1","amount_paid":1,)"
           R"("number":")" +
           description + R"("}}})";
  };
  const auto number_of = [&](const std::string& description) {
    const auto fact = read_stripe_event(body(description));
    return fact.unreadable ? fact.unreadable->describe()
                           : message_of<v1::PaymentSucceeded>(fact).payment().invoice_number();
  };
  EXPECT_EQ(number_of(R"(a\ud83d b)"), "a\xEF\xBF\xBD b");
  EXPECT_EQ(number_of(R"(a\ude00)"), "a\xEF\xBF\xBD");
  EXPECT_EQ(number_of(R"(\ud83d\ude00)"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(number_of(R"(\\ud83d)"), R"(\ud83d)") << "a backslash, and letters";
  EXPECT_EQ(number_of(R"(\ud83d\ud83d\ude00)"), "\xEF\xBF\xBD\xF0\x9F\x98\x80");
}

TEST(StripeEvent, ItemsAreReadWhole) {
  const auto object =
      with(sub, "items",
           {{"data", json::array({{{"id", "si_1"}, {"price", {{"id", "price_metered"}}}},
                                  {{"id", "si_2"}, {"price", "price_professional"}, {"quantity", 3}}})}});
  const auto said = message_of<v1::SubscriptionUpdated>(read(updated, object)).subscription();
  ASSERT_EQ(said.items_size(), 2);
  EXPECT_EQ(said.items(0).price_id(), "price_metered");
  EXPECT_EQ(said.items(1).stripe_item_id(), "si_2");
  EXPECT_EQ(said.items(1).price_id(), "price_professional");
  EXPECT_EQ(said.items(1).quantity(), 3);
}

TEST(StripeEvent, UpdateOfSomethingElseOnlyConfirmsTheStatus) {
  const auto confirms = [](const json& previous) {
    json event = {{"id", "evt_1"}, {"type", updated}, {"created", 1}, {"data", {{"object", sub}}}};
    if (!previous.is_null()) event["data"]["previous_attributes"] = previous;
    return message_of<v1::SubscriptionUpdated>(read_stripe_event(event.dump())).subscription().confirms_status();
  };
  EXPECT_TRUE(confirms({{"metadata", {{"note", "x"}}}}));
  EXPECT_FALSE(confirms({{"status", "past_due"}}));
  EXPECT_FALSE(confirms(nullptr));
}

TEST(StripeEvent, CheckoutNamesItsTenantByReference) {
  const auto object = json{{"id", "cs_1"}, {"object", "checkout.session"}, {"client_reference_id", "acme"}};
  EXPECT_EQ(read("checkout.session.completed", object).reference, "acme");
  EXPECT_EQ(read("invoice.paid", object).reference, "") << "no other type has one";
}

// By the subscription first, and by what is told of a payment last.
TEST(StripeEvent, ObjectsAreNamedInTheOrderInWhichTheyDecide) {
  const json object = {
      {"id", "in_1"},
      {"object", "invoice"},
      {"customer", "cus_1"},
      {"parent", {{"subscription_details", {{"subscription", "sub_1"}}}}},
      {"payments", {{"data", json::array({{{"payment", {{"payment_intent", "pi_1"}, {"charge", "ch_1"}}}}})}}}};
  EXPECT_EQ(read(paid, object).object_ids, (std::vector<std::string>{"sub_1", "cus_1", "in_1", "ch_1", "pi_1"}));
  const json dispute = {{"id", "dp_1"}, {"object", "dispute"}, {"charge", "ch_1"}, {"payment_intent", "pi_1"}};
  EXPECT_EQ(read("charge.dispute.created", dispute).object_ids, (std::vector<std::string>{"ch_1", "pi_1", "dp_1"}));
}

TEST(StripeEvent, TypeWithoutARuleSaysWhoseItIsWhereItCan) {
  const auto fact = read("customer.updated", {{"id", "cus_1"}, {"object", "customer"}, {"metadata", acme}});
  EXPECT_EQ(fact.tenant_id, "acme");
  EXPECT_EQ(fact.object_ids, std::vector<std::string>{"cus_1"});
  EXPECT_FALSE(read("customer.updated", {{"id", 7}, {"metadata", 7}}).unreadable);
}

// One event to the endpoints of two API versions.
TEST(StripeEvent, ShapesOfOneEventSayTheSame) {
  const auto older = read(paid, with(invoice, "subscription", "sub_1"));
  const auto newer = read(paid, with(invoice, "parent", {{"subscription_details", {{"subscription", "sub_1"}}}}));
  EXPECT_TRUE(says_the_same(older, newer));
  EXPECT_FALSE(says_the_same(older, read(paid, with(with(invoice, "subscription", "sub_1"), "amount_paid", 2))));
  EXPECT_FALSE(says_the_same(older, read("invoice.payment_succeeded", invoice)));
}

// What counts as a payment of an invoice that Stripe calls paid.
TEST(InvoiceSums, CountAsAPaymentWhereSomethingWasToBePaidAndWas) {
  EXPECT_TRUE(counts_as_payment({.amount_paid = 4900, .total = 4900}));
  EXPECT_TRUE(counts_as_payment({.amount_paid = 0, .total = 4900})) << "from the customer's credit, or out of band";
  EXPECT_TRUE(counts_as_payment({})) << "the oldest shapes say no more";
  EXPECT_TRUE(counts_as_payment({.amount_paid = 1900, .total = 4900, .credited = 3000}));
  EXPECT_FALSE(counts_as_payment({.amount_paid = 0, .total = 0})) << "a trial's first";
  EXPECT_FALSE(counts_as_payment({.amount_paid = 0, .total = -300})) << "a credit";
  EXPECT_FALSE(counts_as_payment({.amount_paid = 0, .total = 4900, .credited = 4900}));
  EXPECT_FALSE(counts_as_payment({.amount_paid = 0}));
}

}  // namespace
}  // namespace tenantry::gateway::stripe_event_test
