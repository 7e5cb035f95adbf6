#include "events/codec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tenantry/events/v1/billing.pb.h"
#include "tenantry/events/v1/usage.pb.h"

namespace tenantry::events {
namespace {

const TrustRules rules{"tenantry-publisher"};
constexpr const char* v7 = "0190163d-8694-739b-aea5-966c26f8ad91";

WireMessage usage_message() {
  WireMessage message;
  message.exchange = "acme.app";
  message.routing_key = "usage.recorded";
  message.user_id = "tenant-acme";
  message.content_type = "application/json";
  message.headers = {{"cloudEvents_specversion", "1.0"}, {"cloudEvents_id", v7},
                     {"cloudEvents_source", "/shop"},    {"cloudEvents_type", "usage.recorded"},
                     {"cloudEvents_tenantid", "acme"},   {"cloudEvents_time", "2025-01-15T10:30:00Z"}};
  message.body = R"({"metric":"orders","quantity":2})";
  return message;
}

Event platform_event() {
  v1::PaymentSucceeded payment;
  payment.mutable_payment()->set_stripe_object_id("in_1");
  payment.mutable_payment()->mutable_stated_at()->set_seconds(1);
  return make_event("acme", payment, {.source = "/tenantry/gateway", .time = from_unix_seconds(1'700'000'000)},
                    *Uuid::parse(v7));
}

WireMessage on_the_wire(const Event& event) {
  WireMessage message;
  message.exchange = "acme.events";
  message.routing_key = event.type;
  message.content_type = event.content_type;
  message.user_id = rules.publisher_user;
  message.headers = encode_headers(event);
  message.body = event.payload;
  return message;
}

TEST(Codec, BinaryModeSurvivesTheWire) {
  auto event = platform_event();
  event.subject = "invoice/in_1";
  event.actor = {.kind = "user", .id = "u1", .ip = "192.0.2.7", .user_agent = "curl/8"};
  const auto back = decode(on_the_wire(event), "acme", rules);
  ASSERT_TRUE(back) << back.error().describe();
  EXPECT_EQ(back->id, event.id);
  EXPECT_EQ(back->type, "payment.succeeded");
  EXPECT_EQ(back->time, event.time);
  EXPECT_EQ(back->subject, event.subject);
  EXPECT_EQ(back->actor.id, "u1");
  EXPECT_EQ(back->actor.user_agent, "curl/8");
  EXPECT_EQ(back->as<v1::PaymentSucceeded>().payment().stripe_object_id(), "in_1");
  EXPECT_TRUE(check_trust(*back, on_the_wire(event), "acme", rules));
}

TEST(Codec, ReadsStructuredModeAndTheOlderEnvelope) {
  auto message = usage_message();
  message.headers.clear();
  message.content_type = "Application/CloudEvents+json; charset=utf-8";
  message.body = R"({"specversion":"1.0","id":"a-1","source":"/shop","type":"usage.recorded","tenantid":"acme",
                     "time":"2025-01-15T10:30:00Z","data":{"metric":"orders","quantity":2}})";
  const auto structured = decode(message, "acme", rules);
  ASSERT_TRUE(structured) << structured.error().describe();
  EXPECT_EQ(structured->as<v1::UsageRecorded>().quantity(), 2);
  EXPECT_EQ(structured->foreign_id, "a-1");

  message.content_type = "application/json";
  message.body = R"({"event":"order.created","tenant_id":"acme","website_id":123,
                     "timestamp":"2025-01-15T10:30:00Z","payload":{"order_id":456,"total":99.99}})";
  message.routing_key = "order.created";
  const auto older = decode(message, "acme", rules);
  ASSERT_TRUE(older) << older.error().describe();
  EXPECT_EQ(older->type, "order.created");
  EXPECT_EQ(older->subject, "website/123");
  EXPECT_EQ(nlohmann::json::parse(older->payload)["order_id"], 456);
  EXPECT_TRUE(check_trust(*older, message, "acme", rules));
}

// An application chooses its ids: they must never collide with the platform's or another tenant's.
TEST(Codec, HashesTheIdsOfApplicationsByTenantAndSource) {
  const auto acme = decode(usage_message(), "acme", rules);
  auto other_message = usage_message();
  other_message.headers["cloudEvents_tenantid"] = "other";
  const auto other = decode(other_message, "other", rules);
  ASSERT_TRUE(acme && other);
  EXPECT_NE(acme->id, *Uuid::parse(v7));
  EXPECT_NE(acme->id, other->id);
  EXPECT_EQ(acme->id, decode(usage_message(), "acme", rules)->id);
  EXPECT_EQ(acme->id.time(), acme->time);
  EXPECT_EQ(acme->actor.kind, "application");
}

struct BadRow {
  const char* name;
  void (*change)(WireMessage&);
  const char* pointer;
  const char* rule;
};

TEST(Codec, NamesTheFieldAndTheRuleOfBadInput) {
  const BadRow rows[] = {
      {"specversion", [](WireMessage& m) { m.headers["cloudEvents_specversion"] = "0.3"; }, "/specversion",
       "specversion"},
      {"type", [](WireMessage& m) { m.headers["cloudEvents_type"] = "a b"; }, "/type", "type"},
      {"time", [](WireMessage& m) { m.headers["cloudEvents_time"] = "yesterday"; }, "/time", "rfc3339"},
      {"long attribute", [](WireMessage& m) { m.headers["cloudEvents_subject"] = std::string(3000, 'x'); }, "/subject",
       "attribute_value"},
      {"not UTF-8", [](WireMessage& m) { m.headers["cloudEvents_subject"] = "\xFF"; }, "/subject", "attribute_value"},
      {"NUL", [](WireMessage& m) { m.headers["cloudEvents_subject"] = std::string("a\0b", 3); }, "/subject",
       "attribute_value"},
      {"missing field", [](WireMessage& m) { m.body = R"({"metric":"orders"})"; }, "/data/quantity", "required"},
      {"unknown field", [](WireMessage& m) { m.body = R"({"metric":"orders","quantity":1,"x":1})"; }, "/data",
       "schema"},
      {"ill-typed field", [](WireMessage& m) { m.body = R"({"metric":"orders","quantity":"many"})"; }, "/data",
       "schema"},
      {"content type", [](WireMessage& m) { m.content_type = "text/plain"; }, "/datacontenttype", "content_type"},
      {"not Protobuf",
       [](WireMessage& m) {
         m.content_type = "application/protobuf";
         m.body = "\xFF\xFF\xFF";
       },
       "/data", "schema"},
      {"too large", [](WireMessage& m) { m.body = std::string(body_size_max + 1, ' '); }, "", "size"},
  };
  for (const auto& row : rows) {
    auto message = usage_message();
    row.change(message);
    const auto event = decode(message, "acme", rules);
    ASSERT_FALSE(event) << row.name;
    EXPECT_EQ(event.error().code, Errc::invalid) << row.name;
    ASSERT_FALSE(event.error().fields.empty()) << row.name;
    EXPECT_EQ(event.error().fields[0].pointer, row.pointer) << row.name;
    EXPECT_EQ(event.error().fields[0].code, row.rule) << row.name;
  }
}

TEST(Codec, RefusesDeepNestingWithoutFollowingIt) {
  auto message = usage_message();
  message.body = std::string(100'000, '[');
  EXPECT_FALSE(decode(message, "acme", rules));
  message.headers.clear();
  EXPECT_FALSE(decode(message, "acme", rules));
}

struct TrustRow {
  const char* name;
  void (*change)(WireMessage&);
  const char* rule;  // null: trusted
};

TEST(Codec, TellsTheClaimedTypeOfWhatItCannotRead) {
  auto message = usage_message();
  message.headers["cloudEvents_type"] = "payment.succeeded";
  EXPECT_FALSE(decode(message, "acme", rules));  // the payload is another's
  EXPECT_EQ(claimed_type(message), "payment.succeeded");
  message.headers.clear();
  message.body = R"({"event":"tenant.activated","tenant_id":"acme","payload":{"x":1}})";
  EXPECT_EQ(claimed_type(message), "tenant.activated");
  message.body = "{";
  EXPECT_EQ(claimed_type(message), "");
}

TEST(Trust, PrivilegedTypesCountOnlyFromThePlatform) {
  const TrustRow rows[] = {
      {"as published", [](WireMessage&) {}, nullptr},
      {"by an application",
       [](WireMessage& m) {
         m.exchange = "acme.app";
         m.user_id = "tenant-acme";
       },
       "forged_type"},
      {"by an application as itself",
       [](WireMessage& m) {
         m.exchange = "acme.app";
         m.user_id.clear();
       },
       "forged_type"},
      {"carried by CC",
       [](WireMessage& m) {
         m.exchange = "acme.app";
         m.user_id = "tenant-acme";
         m.routing_key = "app.x";
       },
       "forged_type"},
      {"through a dead-letter queue", [](WireMessage& m) { m.user_id = "tenant-acme"; }, "forged_publisher"},
      {"without a user", [](WireMessage& m) { m.user_id.clear(); }, "forged_publisher"},
      {"with another key", [](WireMessage& m) { m.routing_key = "payment.failed"; }, "forged_key"},
      {"by the default exchange",
       [](WireMessage& m) {
         m.exchange.clear();
         m.user_id = "tenant-acme";
       },
       "forged_route"},
      {"of another tenant", [](WireMessage& m) { m.headers["cloudEvents_tenantid"] = "other"; }, "wrong_tenant"},
  };
  for (const auto& row : rows) {
    auto message = on_the_wire(platform_event());
    row.change(message);
    const auto event = decode(message, "acme", rules);
    ASSERT_TRUE(event) << row.name;
    const auto trusted = check_trust(*event, message, "acme", rules);
    EXPECT_EQ(trusted.has_value(), row.rule == nullptr) << row.name;
    if (row.rule != nullptr && !trusted) {
      EXPECT_EQ(trusted.error().reason, row.rule) << row.name;
      EXPECT_EQ(trusted.error().code, Errc::refused);
    }
  }
}

TEST(Trust, AnOpenTypeMayNotRideOnAPrivilegedKey) {
  auto message = usage_message();
  message.routing_key = "payment.succeeded";
  EXPECT_FALSE(check_trust(*decode(message, "acme", rules), message, "acme", rules));
  message.routing_key = "usage.recorded";
  EXPECT_TRUE(check_trust(*decode(message, "acme", rules), message, "acme", rules));
  message.carbon_copies = {"payment.succeeded"};
  EXPECT_FALSE(check_trust(*decode(message, "acme", rules), message, "acme", rules));
}

TEST(Trust, ARetryOfTheRelayKeepsItsIdentity) {
  const auto first = decode(usage_message(), "acme", rules);
  auto retry = usage_message();
  retry.exchange.clear();
  retry.routing_key = "acme.metering";
  retry.user_id = rules.publisher_user;
  retry.headers[std::string(header_event_id)] = first->id.to_string();
  retry.headers[std::string(header_exchange)] = "acme.app";
  retry.headers[std::string(header_routing_key)] = "usage.recorded";
  const auto again = decode(retry, "acme", rules);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, first->id);
  EXPECT_TRUE(check_trust(*again, retry, "acme", rules));
}

TEST(Trust, OnlyThePlatformSaysWhichEventAnIdMeans) {
  auto message = usage_message();
  message.headers["cloudEvents_id"] = "order-7";
  const auto own = decode(message, "acme", rules);
  message.headers[std::string(header_event_id)] = v7;
  const auto claimed = decode(message, "acme", rules);
  ASSERT_TRUE(own && claimed);
  EXPECT_EQ(claimed->id, own->id) << "an application's word is not taken";

  message.user_id = rules.publisher_user;
  const auto relayed = decode(message, "acme", rules);
  ASSERT_TRUE(relayed);
  EXPECT_EQ(relayed->id.to_string(), v7);
  EXPECT_EQ(relayed->foreign_id, "order-7");
}

TEST(Derived, TheSameCauseGivesTheSameEventAndAnotherDoesNot) {
  const auto cause = platform_event();
  v1::PaymentOverdue overdue;
  overdue.mutable_past_due_since()->set_seconds(1);
  const Origin origin{.source = "/tenantry/billing", .cause = &cause, .time = from_unix_seconds(1'700'000'100)};
  const auto one = make_event("acme", overdue, origin, Uuid{});
  EXPECT_EQ(one.id, make_event("acme", overdue, origin, Uuid{}).id);
  EXPECT_NE(one.id, make_event("other", overdue, origin, Uuid{}).id);
  auto second = origin;
  second.ordinal = 1;
  EXPECT_NE(one.id, make_event("acme", overdue, second, Uuid{}).id);
  EXPECT_EQ(one.causation_id, cause.id.to_string());
  EXPECT_EQ(one.correlation_id, cause.correlation_id);
}

TEST(ApplicationEvents, MayNotNameATypeOrTenantThatIsNotTheirs) {
  const auto refused = [](const char* body) { return decode_application_event(body, "application/json", "acme"); };
  EXPECT_EQ(refused(R"({"specversion":"1.0","type":"payment.succeeded","data":{}})").error().code, Errc::forbidden);
  EXPECT_EQ(refused(R"({"event":"tenant.activated","tenant_id":"acme","payload":{}})").error().code, Errc::forbidden);
  EXPECT_EQ(refused(R"({"event":"order.created","tenant_id":"other","payload":{}})").error().reason, "tenant_mismatch");
  EXPECT_TRUE(refused(R"({"event":"order.created","tenant_id":"acme","payload":{"order_id":1}})"));
}

}  // namespace
}  // namespace tenantry::events
