// Goal: one reading of Stripe's events, whatever API version wrote them.
// Method: recorded objects, and small ones that differ in one place, wrapped in an event.
#include "workers/gateway/stripe_event.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "events/proto_time.h"
#include "tenantry/events/v1/billing.pb.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

json recorded(const std::string& name) {
  std::ifstream in(std::string(STRIPE_DATA) + "/" + name + ".json");
  auto value = json::parse(in);
  return value.contains("object") && value["object"].is_object() ? value["object"] : value;
}

Result<StripeFact> read(const std::string& type, const json& object) {
  const json event = {
      {"id", "evt_1"}, {"object", "event"}, {"type", type}, {"created", 1'700'000'000}, {"data", {{"object", object}}}};
  return read_stripe_event(event.dump());
}

template <class M>
const M& message_of(const Result<StripeFact>& fact) {
  return dynamic_cast<const M&>(*fact.value().message);
}

TEST(StripeEvent, ReadsARecordedSubscriptionOfAnOldVersion) {
  const auto fact = read("customer.subscription.created", recorded("subscription.created"));
  ASSERT_TRUE(fact) << fact.error().describe();
  EXPECT_EQ(fact->event_id, "evt_1");
  EXPECT_EQ(fact->stated_at, from_unix_seconds(1'700'000'000));
  EXPECT_EQ(fact->customer_id, "cus_00000000000000");
  EXPECT_EQ(fact->subscription_id, "sub_00000000000000");
  EXPECT_EQ(fact->tenant_id, "");
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
  ASSERT_TRUE(fact) << fact.error().describe();
  const auto& said = message_of<v1::SubscriptionUpdated>(fact).subscription();
  EXPECT_EQ(said.status(), "canceled");
  EXPECT_EQ(said.current_period_start().seconds(), 1486568724);
  EXPECT_EQ(said.current_period_end().seconds(), 1488987924);
  EXPECT_EQ(said.ended_at().seconds(), 1487872069);
}

TEST(StripeEvent, ReadsARecordedDeletion) {
  const auto fact = read("customer.subscription.deleted", recorded("subscription.deleted"));
  ASSERT_TRUE(fact) << fact.error().describe();
  EXPECT_EQ(message_of<v1::SubscriptionDeleted>(fact).subscription().status(), "canceled");
  EXPECT_EQ(message_of<v1::SubscriptionDeleted>(fact).subscription().canceled_at().seconds(), 1487872069);
}

TEST(StripeEvent, ReadsARecordedFailedInvoice) {
  const auto fact = read("invoice.payment_failed", recorded("invoice.payment_failed"));
  ASSERT_TRUE(fact) << fact.error().describe();
  EXPECT_EQ(fact->subscription_id, "sub_1234");
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
  ASSERT_TRUE(fact) << fact.error().describe();
  EXPECT_EQ(fact->customer_id, "cus_M5wW9RPFk9xNZ5");
  EXPECT_EQ(fact->subscription_id, "sub_1LNkeSKXBGcbgpbZ7jMqOPSi");
  EXPECT_EQ(message_of<v1::CheckoutCompleted>(fact).payment().amount_minor(), 1900);
}

TEST(StripeEvent, KeepsATypeWithoutARuleWithoutAMessage) {
  const auto fact = read_stripe_event(recorded("account.updated").dump());
  ASSERT_TRUE(fact) << fact.error().describe();
  EXPECT_EQ(fact->type, "account.updated");
  EXPECT_EQ(fact->account, "acct_00000000000000");
  EXPECT_EQ(fact->message, nullptr);
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
  ASSERT_TRUE(fact) << fact.error().describe();
  ASSERT_EQ(fact->message ? fact->message->GetDescriptor()->name() : "", row.message);
  if (!fact->message) return;
  const auto* payment = fact->message->GetDescriptor()->FindFieldByName("payment");
  if (payment == nullptr) return;
  const auto& said =
      dynamic_cast<const v1::PaymentFacts&>(fact->message->GetReflection()->GetMessage(*fact->message, payment));
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
        TypeRow{"PaidNothing", "invoice.paid", {{"id", "in_1"}, {"amount_paid", 0}, {"amount_due", 0}}, ""},
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
  ASSERT_TRUE(fact) << fact.error().describe();
  EXPECT_EQ(fact->tenant_id, row.tenant_id);
  EXPECT_EQ(fact->customer_id, row.customer_id);
  EXPECT_EQ(fact->subscription_id, row.subscription_id);
  if (const auto* said = dynamic_cast<const v1::SubscriptionUpdated*>(fact->message.get())) {
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

TEST_P(StripeEventWrong, IsRefusedByField) {
  const auto& row = GetParam();
  const auto fact = read(row.type, row.object);
  ASSERT_FALSE(fact);
  EXPECT_EQ(fact.error().code, Errc::invalid);
  ASSERT_EQ(fact.error().fields.size(), 1U);
  EXPECT_EQ(fact.error().fields[0].pointer, row.pointer);
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
        WrongRow{"CustomerNumber", updated, with(sub, "customer", 7), "/data/object/customer"},
        WrongRow{"TenantNumber", updated, with(sub, "metadata", {{"tenant_id", 7}}), "/data/object/metadata/tenant_id"},
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

TEST(StripeEvent, RefusesAnEnvelopeWithoutItsParts) {
  const auto pointer_of = [](const char* body) { return read_stripe_event(body).error().fields.at(0).pointer; };
  EXPECT_EQ(pointer_of(R"({"type":"invoice.paid","created":1})"), "/id");
  EXPECT_EQ(pointer_of(R"({"id":"evt_1","created":1})"), "/type");
  EXPECT_EQ(pointer_of(R"({"id":"evt_1","type":"invoice.paid"})"), "/created");
  EXPECT_EQ(pointer_of(R"({"id":"evt_1","type":"invoice.paid","created":"1"})"), "/created");
  EXPECT_EQ(pointer_of(R"({"id":"evt_1","type":"invoice.paid","created":-1})"), "/created");
  EXPECT_EQ(pointer_of(R"({"id":"evt_1","type":"invoice.paid","created":1})"), "/data/object/id");
  EXPECT_EQ(pointer_of("[]"), "");
  EXPECT_FALSE(read_stripe_event(R"({"id":"evt_1","id":"evt_2","type":"x","created":1})"));
}

}  // namespace
}  // namespace tenantry::gateway
