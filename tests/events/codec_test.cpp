#include "events/codec.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "events/intake.h"
#include "tenantry/events/v1/billing.pb.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "tenantry/events/v1/usage.pb.h"

namespace tenantry::events::codec_test {
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
  EXPECT_TRUE(back->extensions.empty()) << "of our own there are none";
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
  message.body.replace(message.body.find("123"), 3, "123456789012345678901234567890");
  EXPECT_EQ(decode(message, "acme", rules)->subject, "website/123456789012345678901234567890");
  EXPECT_EQ(nlohmann::json::parse(older->payload)["order_id"], 456);
  EXPECT_TRUE(check_trust(*older, message, "acme", rules));
}

// Who hears them has no schemas of ours.
TEST(Encode, WhatApplicationsMayHearIsJson) {
  v1::TenantActivated activated;
  activated.set_reason("payment");
  activated.set_from_status("trial");
  const auto heard =
      make_event("acme", activated, {.source = "/tenantry/billing", .time = from_unix_seconds(1)}, Uuid{});
  EXPECT_EQ(heard.content_type, "application/json");
  EXPECT_EQ(heard.payload, R"({"reason":"payment","from_status":"trial"})");
  v1::TenantProvisioned provisioned;
  const auto internal =
      make_event("acme", provisioned, {.source = "/tenantry/provisioning", .time = from_unix_seconds(1)}, Uuid{});
  EXPECT_EQ(internal.content_type, "application/protobuf");
}

// Its logins change, it stays who it is.
TEST(Decode, AnApplicationIsOneWhicheverLoginItComesWith) {
  const auto actor_of = [](const char* user) {
    WireMessage message;
    message.exchange = "acme.app";
    message.routing_key = "order.created";
    message.content_type = "application/json";
    message.user_id = user;
    message.body = R"({"specversion":"1.0","id":"1","source":"/shop","type":"order.created","data":{}})";
    return decode(message, "acme", rules)->actor.id;
  };
  EXPECT_EQ(actor_of("tenant-acme"), "tenant-acme");
  EXPECT_EQ(actor_of("tenant-acme.7"), "tenant-acme");
  EXPECT_EQ(actor_of("tenant-acme-7"), "tenant-acme-7");
  EXPECT_EQ(actor_of(""), "");
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

// data.at is read by whoever reads `time`: one meaning for one text, whatever the content mode.
TEST(Codec, ReadsTheTimesOfPayloadsAsItsOwn) {
  const auto at_of = [](const std::string& at) {
    auto message = usage_message();
    message.body = R"({"metric":"orders","quantity":2,"at":)" + at + "}";
    return decode(message, "acme", rules);
  };
  for (const char* text : {R"("2025-01-15t10:30:00z")", R"("2025-01-15T10:29:60Z")", R"("2025-01-15 11:30:00+01:00")",
                           R"("2025-01-15T10:30:00.0000001Z")"}) {
    const auto event = at_of(text);
    ASSERT_TRUE(event) << text << event.error().describe();
    EXPECT_EQ(event->as<v1::UsageRecorded>().at().seconds(), 1'736'937'000) << text;
    EXPECT_EQ(event->as<v1::UsageRecorded>().quantity(), 2) << text;
  }
  EXPECT_FALSE(at_of("null")->as<v1::UsageRecorded>().has_at());
  for (const char* text : {R"("yesterday")", R"("2025-01-15T24:00:00Z")", R"("0001-01-01T00:00:00Z")", "1736937000",
                           R"("9999-12-31T23:59:60Z")", R"({"seconds":1})"}) {
    const auto event = at_of(text);
    ASSERT_FALSE(event) << text;
    EXPECT_EQ(event.error().fields[0].pointer, "/data/at") << text;
    EXPECT_EQ(event.error().fields[0].code, "rfc3339") << text;
  }
}

TEST(Codec, RefusesTimesOfProtobufPayloadsThatNobodyCanPrint) {
  const std::pair<std::int64_t, int> times[] = {
      {-1, 0}, {253'402'300'800, 0}, {INT64_MAX, 0}, {1, -1}, {1, 1'000'000'000}};
  for (const auto& [seconds, nanos] : times) {
    v1::UsageRecorded usage;
    usage.set_metric("orders");
    usage.set_quantity(1);
    usage.mutable_at()->set_seconds(seconds);
    usage.mutable_at()->set_nanos(nanos);
    auto message = usage_message();
    message.content_type = "application/protobuf";
    message.body = usage.SerializeAsString();
    const auto event = decode(message, "acme", rules);
    ASSERT_FALSE(event) << seconds;
    EXPECT_EQ(event.error().fields[0].pointer, "/data/at") << seconds;
  }
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
  const auto refused = [](const char* body) {
    return decode_posted({.fields = {}, .content_type = "application/json", .body = body}, "acme", {});
  };
  EXPECT_EQ(refused(R"({"specversion":"1.0","type":"payment.succeeded","data":{}})").error().code, Errc::forbidden);
  EXPECT_EQ(refused(R"({"event":"tenant.activated","tenant_id":"acme","payload":{}})").error().code, Errc::forbidden);
  EXPECT_EQ(refused(R"({"event":"order.created","tenant_id":"other","payload":{}})").error().reason, "tenant_mismatch");
  EXPECT_TRUE(refused(R"({"event":"order.created","tenant_id":"acme","payload":{"order_id":1}})"));
}

// ---- the intake: one event, whatever way it came

WireMessage structured_message(const std::string& body,
                               const std::string& content_type = "application/cloudevents+json") {
  auto message = usage_message();
  message.headers.clear();
  message.content_type = content_type;
  message.body = body;
  return message;
}

Result<std::vector<Event>> posted(const std::string& body, const std::string& content_type = "application/json",
                                  const HttpFields& fields = {}) {
  auto posting = decode_posted({.fields = fields, .content_type = content_type, .body = body}, "acme",
                               from_unix_seconds(1'700'000'000));
  if (!posting) return posting.error();
  return std::move(posting->events);
}

TEST(Identity, IsSourceAndIdAloneOverEveryWayIn) {
  auto message = usage_message();
  message.headers["cloudEvents_id"] = "o-1";
  const auto binary = decode(message, "acme", rules);
  message.headers["cloudEvents_time"] = "2026-02-02T02:02:02Z";
  const auto stamped_anew = decode(message, "acme", rules);
  message.headers.erase("cloudEvents_time");
  const auto timeless = decode(message, "acme", rules);
  const std::string body = R"({"specversion":"1.0","id":"o-1","source":"/shop","type":"usage.recorded",
                               "time":"2027-01-01T00:00:00Z","data":{"metric":"orders","quantity":2}})";
  const auto structured = decode(structured_message(body), "acme", rules);
  const auto over_http = posted(body);
  const auto over_http_binary =
      posted(R"({"metric":"orders","quantity":2})", "application/json",
             {{"ce-specversion", "1.0"}, {"ce-id", "o-1"}, {"ce-source", "/shop"}, {"ce-type", "usage.recorded"}});
  const auto batched = posted("[" + body + "]", "application/cloudevents-batch+json");
  ASSERT_TRUE(binary && stamped_anew && timeless && structured && over_http && over_http_binary && batched);
  for (const auto* event :
       {&*stamped_anew, &*timeless, &*structured, &over_http->front(), &over_http_binary->front(), &batched->front()}) {
    EXPECT_EQ(event->id, binary->id);
    EXPECT_EQ(event->foreign_id, "o-1");
    EXPECT_EQ(event->source, "/shop");
  }
  EXPECT_EQ(binary->id.time(), Timestamp{}) << "in the inbox's partition of foreign events";
  message.headers["cloudEvents_source"] = "/other";
  EXPECT_NE(decode(message, "acme", rules)->id, binary->id);
}

TEST(Identity, WithoutAnIdIsAllThatTheMessageSays) {
  auto message = usage_message();
  message.headers.erase("cloudEvents_id");
  const auto first = decode(message, "acme", rules);
  EXPECT_EQ(decode(message, "acme", rules)->id, first->id);
  message.headers["cloudEvents_time"] = "2025-01-15T10:30:01Z";
  EXPECT_NE(decode(message, "acme", rules)->id, first->id) << "another sale of the same goods";
  message.message_id = "m-1";
  EXPECT_EQ(decode(message, "acme", rules)->foreign_id, "m-1");
}

TEST(Identity, OfTheOlderEnvelopeIsItsIdOrItsBytes) {
  const std::string bare = R"({"event":"order.created","tenant_id":"acme","payload":{"order_id":1}})";
  const auto first = decode(structured_message(bare, "application/json"), "acme", rules);
  const auto over_http = posted(bare);
  ASSERT_TRUE(first && over_http);
  EXPECT_EQ(over_http->front().id, first->id);
  EXPECT_NE(decode(structured_message(bare + " ", "application/json"), "acme", rules)->id, first->id);
  const auto with_id = [](const char* time) {
    return posted(std::string(R"({"event":"order.created","tenant_id":"acme","id":"7","timestamp":")") + time + "\"}");
  };
  EXPECT_EQ(with_id("2025-01-15T10:30:00Z")->front().id, with_id("2026-01-15T10:30:00Z")->front().id);
  EXPECT_EQ(with_id("2025-01-15T10:30:00Z")->front().foreign_id, "7");
  EXPECT_EQ(posted(R"({"specversion":"1.0","type":"order.created","data":{}})")->front().id, Uuid{})
      << "a request without an id is an event of its own";
}

TEST(Intake, KeepsThePayloadByteForByte) {
  const std::string data =
      R"({ "n" : 98765432109876.543210, "i":123456789012345678901234567890, "e":1e-20000, "u":"\u00e9" })";
  const std::string cloud =
      R"({"specversion":"1.0","id":"1","source":"/x","type":"order.created","data":)" + data + "}";
  const std::string older = R"({"event":"order.created","tenant_id":"acme","payload":)" + data + "}";
  EXPECT_EQ(decode(structured_message(cloud), "acme", rules)->payload, data);
  EXPECT_EQ(decode(structured_message(older, "application/json"), "acme", rules)->payload, data);
  EXPECT_EQ(posted(cloud)->front().payload, data);
  EXPECT_EQ(posted("[" + cloud + "]", "application/cloudevents-batch+json")->front().payload, data);
  // And on through a recording.
  const auto line = to_structured_json(posted(cloud)->front());
  EXPECT_NE(line.find("98765432109876.543210"), line.npos) << line;
  EXPECT_EQ(line.find('\n'), line.npos);
}

TEST(Intake, KeepsExtensionsThroughTheWire) {
  const auto event = posted(R"({"specversion":"1.0","id":"1","source":"/x","type":"order.created","region":"eu",
                                "Retries":3,"exact":123456789012345678901234567890,"flag":true,"none":null,"data":{}})");
  ASSERT_TRUE(event) << event.error().describe();
  const std::map<std::string, std::string> extensions = {
      {"region", "eu"}, {"retries", "3"}, {"exact", "123456789012345678901234567890"}, {"flag", "true"}};
  EXPECT_EQ(event->front().extensions, extensions);
  const auto back = decode(on_the_wire(event->front()), "acme", rules);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->extensions, extensions);
}

// The platform publishes what it took at the edge with attributes of its own beside those.
TEST(Intake, WhatTheEdgeTakesIsTakenBehindItToo) {
  constexpr std::pair<std::size_t, std::size_t> kinds[] = {{attributes_max, 1}, {8, attribute_value_max - 5}};
  for (const auto& [count, size] : kinds) {
    std::string many;
    for (std::size_t i = 0; i < count; ++i)
      many += ",\"own" + std::to_string(10 + i) + "\":\"" + std::string(size, 'x') + '"';
    for (const char* type : {"order.created", "usage.recorded"}) {
      auto events = posted(R"({"specversion":"1.0","id":"1","source":")" + std::string(attribute_value_max, 's') +
                           R"(","subject":")" + std::string(attribute_value_max, 's') + R"(","type":")" + type + '"' +
                           many + R"(,"data":{"metric":"orders","quantity":1}})");
      ASSERT_TRUE(events) << events.error().describe();
      auto& event = events->front();
      event.actor = {.kind = "user", .id = "u1", .ip = "192.0.2.7", .user_agent = std::string(512, 'a')};
      event.correlation_id = event.causation_id = v7;
      event.traceparent = "00-997edc505ded29f892d1795f1b563163-ebc48cd64eb40515-01";
      const auto back = decode(on_the_wire(event), "acme", rules);
      ASSERT_TRUE(back) << back.error().describe();
      EXPECT_EQ(back->extensions, event.extensions);
      EXPECT_EQ(back->extensions.size(), count);
    }
  }
}

TEST(Intake, TakesContentTypesAsTheirGrammarSays) {
  for (const char* type :
       {"Application/JSON", "application/json; charset=\"utf-8\"", "APPLICATION/JSON;charset=UTF-8"}) {
    auto message = usage_message();
    message.content_type = type;
    const auto event = decode(message, "acme", rules);
    ASSERT_TRUE(event) << type << event.error().describe();
    EXPECT_EQ(event->as<v1::UsageRecorded>().quantity(), 2) << type;
  }
  const auto data = [](const char* type, const char* value) {
    return posted(
        std::string(R"({"specversion":"1.0","id":"1","source":"/x","type":"note.written","datacontenttype":")") + type +
        "\",\"data\":" + value + "}");
  };
  EXPECT_EQ(data("text/plain", R"("caf\u00e9 & <b>")")->front().payload, "caf\xC3\xA9 & <b>");
  EXPECT_EQ(data("application/xml", R"("<much wow=\"xml\"/>")")->front().payload, "<much wow=\"xml\"/>");
  EXPECT_EQ(data("Application/JSON", R"("text")")->front().payload, R"("text")");
  EXPECT_EQ(data("text/xml", R"({"a":1})").error().fields[0].pointer, "/data");
}

struct IntakeRow {
  const char* name;
  Result<Event> (*read)();
  const char* pointer;
  const char* rule;
};

Result<Event> changed(void (*change)(WireMessage&)) {
  auto message = usage_message();
  change(message);
  return decode(message, "acme", rules);
}

Result<Event> first_of(Result<std::vector<Event>> events) {
  if (!events) return events.error();
  return events->front();
}

Result<Event> post_with(const std::string& members) {
  return first_of(posted(R"({"specversion":"1.0","id":"1","source":"/x","type":"order.created")" + members + "}"));
}

// What cannot be published, stored or read back is refused before the answer, with the field and the rule.
TEST(Intake, RefusesWhatCannotBeKept) {
  const IntakeRow rows[] = {
      {"long content type",
       [] { return post_with(R"(,"datacontenttype":"application/json;)" + std::string(300, 'a') + "\""); },
       "/datacontenttype", "content_type"},
      {"no media type", [] { return post_with(R"(,"datacontenttype":"application/json;aaa","data":{})"); },
       "/datacontenttype", "content_type"},
      {"NUL in the content type", [] { return post_with(R"(,"datacontenttype":"application/json\u0000")"); },
       "/datacontenttype", "attribute_value"},
      {"control in the content type of AMQP", [] { return changed([](WireMessage& m) { m.content_type = "a/b\n"; }); },
       "/datacontenttype", "content_type"},
      {"control in the subject", [] { return post_with(R"(,"subject":"a\nb")"); }, "/subject", "attribute_value"},
      {"long subject", [] { return post_with(R"(,"subject":")" + std::string(2049, 'x') + "\""); }, "/subject",
       "attribute_value"},
      {"long id", [] { return changed([](WireMessage& m) { m.headers["cloudEvents_id"] = std::string(256, 'x'); }); },
       "/id", "length"},
      {"NUL in the message id",
       [] {
         return changed([](WireMessage& m) {
           m.headers.erase("cloudEvents_id");
           m.message_id = std::string("a\0b", 3);
         });
       },
       "/id", "attribute_value"},
      {"name with a space", [] { return post_with(R"(,"a b":"x")"); }, "/a b", "attribute_name"},
      {"the data's name", [] { return post_with(R"(,"Data_base64":"e30=")"); }, "/data_base64", "attribute_name"},
      {"the data's name in a header",
       [] { return changed([](WireMessage& m) { m.headers["cloudEvents_data"] = "{}"; }); }, "/data", "attribute_name"},
      {"long name", [] { return post_with(",\"" + std::string(65, 'n') + R"(":"x")"); }, nullptr, "attribute_name"},
      {"a name twice", [] { return post_with(R"(,"Subject":"x","subject":"y")"); }, "/subject", "twice"},
      {"many attributes",
       [] {
         std::string many;
         for (int i = 0; i < 70; ++i) many += ",\"x" + std::to_string(i) + "\":1";
         return post_with(many);
       },
       "", "attributes"},
      {"large attributes",
       [] {
         std::string many;
         for (int i = 0; i < 10; ++i) many += ",\"x" + std::to_string(i) + "\":\"" + std::string(2000, 'x') + "\"";
         return post_with(many);
       },
       "", "attributes"},
      {"a table for a value", [] { return changed([](WireMessage& m) { m.nested_headers = {"cloudEvents_region"}; }); },
       "/region", "attribute_value"},
      {"a header twice", [] { return changed([](WireMessage& m) { m.repeated_headers = {"cloudEvents:region"}; }); },
       "/region", "twice"},
      {"data beside data_base64", [] { return post_with(R"(,"data":{},"data_base64":"e30=")"); }, "/data_base64",
       "exclusive"},
      {"compressed", [] { return changed([](WireMessage& m) { m.content_encoding = "gzip"; }); }, "/content_encoding",
       "content_encoding"},
      {"UTF-16", [] { return first_of(posted("{}", "application/json; charset=utf-16")); }, "", "charset"},
      {"a batch over AMQP",
       [] { return decode(structured_message("[]", "application/cloudevents-batch+json"), "acme", rules); }, "",
       "batch"},
      {"time of the older envelope",
       [] {
         return first_of(posted(R"({"event":"order.created","tenant_id":"acme","timestamp":"9999-12-31T23:59:60Z"})"));
       },
       "/timestamp", "rfc3339"},
  };
  for (const auto& row : rows) {
    const auto event = row.read();
    ASSERT_FALSE(event) << row.name;
    ASSERT_FALSE(event.error().fields.empty()) << row.name;
    if (row.pointer != nullptr) {
      EXPECT_EQ(event.error().fields[0].pointer, row.pointer) << row.name;
    }
    EXPECT_EQ(event.error().fields[0].code, row.rule) << row.name;
  }
  for (const char* encoding : {"identity", "UTF-8", "binary"}) {
    auto message = usage_message();
    message.content_encoding = encoding;
    EXPECT_TRUE(decode(message, "acme", rules)) << encoding;
  }
}

TEST(Intake, AnEventHappenedWhenItArrivedUnlessItSays) {
  const auto arrived = from_unix_seconds(1'700'000'000);
  auto message = usage_message();
  message.headers["cloudEvents_time"] = "1970-01-01T00:00:00Z";
  EXPECT_EQ(decode(message, "acme", rules, arrived)->time, Timestamp{}) << "nothing is stored under another instant";
  message.headers.erase("cloudEvents_time");
  EXPECT_EQ(decode(message, "acme", rules, arrived)->time, arrived);
}

TEST(HttpModes, BinaryReadsTheFields) {
  const auto read = posted("<a/>", "text/xml; charset=iso-8859-1",
                           {{"Ce-SpecVersion", "1.0"},
                            {"ce-id", "\"7\""},
                            {"CE-Source", "/x"},
                            {"ce-type", "order.created"},
                            {"ce-subject", "caf%C3%A9%20%25"},
                            {"ce-time", "2025-01-15t10:30:00z"},
                            {"ce-region", "eu"},
                            {"User-Agent", "x"}});
  ASSERT_TRUE(read) << read.error().describe();
  const auto& event = read->front();
  EXPECT_EQ(event.foreign_id, "7");
  EXPECT_EQ(event.subject, "caf\xC3\xA9 %");
  EXPECT_EQ(event.payload, "<a/>");
  EXPECT_EQ(event.content_type, "text/xml; charset=iso-8859-1");
  EXPECT_EQ(event.time, from_unix_seconds(1'736'937'000));
  EXPECT_EQ(event.extensions, (std::map<std::string, std::string>{{"region", "eu"}}));

  const HttpFields fields = {{"ce-specversion", "1.0"}, {"ce-type", "order.created"}, {"ce-subject", "%zz"}};
  EXPECT_EQ(posted("{}", "application/json", fields).error().fields[0].pointer, "/subject");
  EXPECT_EQ(
      posted("{}", "application/json", {{"ce-specversion", "1.0"}, {"ce-type", "payment.succeeded"}}).error().code,
      Errc::forbidden);
  EXPECT_EQ(posted("{}", "application/json", {{"ce-specversion", "1.0"}, {"ce-type", "a"}, {"ce-type", "b"}})
                .error()
                .fields[0]
                .code,
            "twice");
  EXPECT_EQ(posted("{", "application/json", {{"ce-specversion", "1.0"}, {"ce-type", "order.created"}}).error().reason,
            "malformed_json");
}

// Whoever looks at an event further tells of it in the words of what was sent, too.
TEST(HttpModes, APostingPlacesItsErrors) {
  const auto error = Error::invalid("/data/quantity", "range", "must be from 0 to 1e15");
  EXPECT_EQ(Posting{}.placed(error, 0).fields[0].pointer, "/data/quantity");
  EXPECT_EQ((Posting{.batch = true}).placed(error, 3).fields[0].pointer, "/3/data/quantity");
  EXPECT_EQ((Posting{.older = true}).placed(error, 0).fields[0].pointer, "/payload/quantity");
}

TEST(HttpModes, ABatchIsAllOrNothing) {
  const std::string type = "application/cloudevents-batch+json";
  const auto one = [](const std::string& id, const std::string& type_name = "order.created") {
    return R"({"specversion":"1.0","id":")" + id + R"(","source":"/x","type":")" + type_name +
           R"(","data":{"n":1.50}})";
  };
  const auto both = posted("[" + one("1") + ",\n " + one("2") + "]", type);
  ASSERT_TRUE(both) << both.error().describe();
  ASSERT_EQ(both->size(), 2U);
  EXPECT_NE((*both)[0].id, (*both)[1].id);
  EXPECT_EQ((*both)[1].payload, R"({"n":1.50})");

  const auto second_forged = posted("[" + one("1") + "," + one("2", "payment.succeeded") + "]", type);
  EXPECT_EQ(second_forged.error().code, Errc::forbidden);
  EXPECT_EQ(second_forged.error().fields[0].pointer, "/1/type");
  const auto bad_usage = posted("[" + one("1") + "," + one("2", "usage.recorded") + "]", type);
  EXPECT_EQ(bad_usage.error().fields[0].pointer, "/1/data");
  EXPECT_EQ(posted("[7]", type).error().fields[0].pointer, "/0");
  EXPECT_FALSE(posted("[]", type));
  EXPECT_FALSE(posted(one("1"), type));
  std::string many = one("0");
  for (int i = 1; i < 100; ++i) many += "," + one(std::to_string(i));
  EXPECT_TRUE(posted("[" + many + "]", type));
  EXPECT_FALSE(posted("[" + many + "," + one("100") + "]", type));
}

}  // namespace
}  // namespace tenantry::events::codec_test
