// Goal: a leaf has one text, says nothing of persons in the open, and gives it back to who
// has the key and to nobody else.
#include "workers/audit/leaf.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tenantry/events/v1/activity.pb.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tenantry/events/v1/tenant.pb.h"

namespace tenantry::audit::leaf_test {
namespace {

using nlohmann::json;

events::Event client_created() {
  events::v1::ClientCreated created;
  created.set_client_id("c1");
  created.set_name("Marie Martin");
  return events::make_event("acme", created,
                            {.source = "/tenantry/gateway",
                             .actor = {.kind = "user", .id = "u1", .ip = "192.0.2.7", .user_agent = "curl"},
                             .time = from_unix_seconds(1'700'000'000)},
                            *Uuid::parse("0190163d-8694-739b-aea5-966c26f8ad91"));
}

AuditRecord record_of(const events::Event& event, std::uint64_t sequence = 7) {
  auto record = make_record(event, "acme.events", from_unix_seconds(1'700'000'001) + Microseconds{5});
  record.sequence = sequence;
  return record;
}

const crypto::DataKey key = crypto::DataKey::generate(1);

TEST(Leaf, IsWhatAJsonLibraryWouldWrite) {
  for (const auto* text : {"plain", "", "Café \"crème\" \\ \t\x01\x7f", "\xff ill-formed"}) {
    auto event = client_created();
    event.foreign_id = text;
    event.content_type = text;
    auto record = record_of(event, 18'000'000'000'000);
    record.exchange = record.resource_id = record.actor_agent = record.correlation_id = text;
    const auto leaf = leaf_of(record, event, &key);
    const auto parsed = parse_leaf(leaf);
    ASSERT_TRUE(parsed) << parsed.error().describe();
    const auto replaced = [](const json& value) {
      return json::parse(value.dump(-1, ' ', false, json::error_handler_t::replace));
    };
    json expected = {{"tenant_id", "acme"},
                     {"sequence", record.sequence},
                     {"event_id", "0190163d-8694-739b-aea5-966c26f8ad91"},
                     {"type", "client.created"},
                     {"occurred_at", "2023-11-14T22:13:20Z"},
                     {"recorded_at", "2023-11-14T22:13:21.000005Z"},
                     {"actor_kind", "user"},
                     {"action", "CREATE"},
                     {"crud", "create"},
                     {"resource", "client"},
                     {"outcome", "success"},
                     {"correlation_id", text},
                     {"causation_id", ""},
                     {"source", "/tenantry/gateway"},
                     {"exchange", text},
                     {"content_type", text},
                     {"key", "acme"},
                     {"sealed", parsed->at("sealed")}};
    if (*text != '\0') expected["foreign_id"] = text;
    EXPECT_EQ(leaf, expected.dump(-1, ' ', false, json::error_handler_t::replace));

    const auto opened = open_leaf(*parsed, key);
    ASSERT_TRUE(opened) << opened.error().describe();
    const json personal = {{"actor", {{"id", "u1"}, {"ip", "192.0.2.7"}, {"user_agent", text}}},
                           {"resource_id", text},
                           {"payload_base64", to_base64(as_bytes(event.payload))}};
    EXPECT_EQ(*opened, replaced(personal));
  }
}

TEST(Leaf, SaysNothingOfPersonsInTheOpen) {
  const auto event = client_created();
  for (const auto* one : {&key, static_cast<const crypto::DataKey*>(nullptr)}) {
    const auto leaf = leaf_of(record_of(event), event, one);
    for (const auto* text : {"Marie", "192.0.2.7", "curl", "u1", "c1"}) {
      EXPECT_EQ(leaf.find(std::string("\"") + text), leaf.npos) << leaf;
    }
    EXPECT_EQ(leaf.find(to_base64(as_bytes(event.payload)).substr(4, 12)), leaf.npos);
  }
}

// What a publisher says beside the payload is part of the event.
TEST(Leaf, KeepsExtensionsSealed) {
  auto event = client_created();
  event.extensions = {{"region", "eu"}, {"shard", "3 \"x\""}};
  const auto leaf = parse_leaf(leaf_of(record_of(event), event, &key));
  EXPECT_FALSE(leaf->contains("extensions"));
  EXPECT_EQ(open_leaf(*leaf, key)->at("extensions"), json::parse(R"({"region":"eu","shard":"3 \"x\""})"));
}

TEST(Leaf, KeepsOldAndNewValuesSealed) {
  events::v1::TenantSuspended suspended;
  suspended.set_reason("abuse");
  suspended.set_from_status("ACTIVE");
  const auto event = events::make_event("acme", suspended, {}, Uuid{});
  const auto leaf = parse_leaf(leaf_of(record_of(event), event, &key));
  EXPECT_EQ(open_leaf(*leaf, key)->at("changes"), json::parse(R"({"status":{"old":"ACTIVE","new":"SUSPENDED"}})"));
}

TEST(Leaf, OpensForItsKeyTenantAndSequenceOnly) {
  const auto event = client_created();
  auto leaf = *parse_leaf(leaf_of(record_of(event), event, &key));
  ASSERT_TRUE(open_leaf(leaf, key));
  EXPECT_FALSE(open_leaf(leaf, crypto::DataKey::generate(1)));
  auto moved = leaf;
  moved["sequence"] = 8;
  EXPECT_FALSE(open_leaf(moved, key));
  moved = leaf;
  moved["tenant_id"] = "globex";
  EXPECT_FALSE(open_leaf(moved, key));
  moved = leaf;
  moved["sealed"] = "AAAA";
  EXPECT_FALSE(open_leaf(moved, key));
}

TEST(Leaf, OfASignupWithoutATenantHasAKeyOfItsOwn) {
  events::v1::SignupRequested request;
  request.set_signup_id("s1");
  const auto event = events::make_event("platform", request, {}, Uuid{});
  EXPECT_EQ(key_id_of(make_record(event, "platform.events", {})), "signup/s1");
  EXPECT_EQ(key_id_of(make_record(client_created(), "acme.events", {})), "acme");
}

TEST(Leaf, WhatIsNoneIsRefusedByName) {
  const auto event = client_created();
  auto leaf = json::parse(leaf_of(record_of(event), event, &key));
  leaf.erase("recorded_at");
  const auto refused = parse_leaf(leaf.dump());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fields.at(0).pointer, "/recorded_at");
  EXPECT_FALSE(parse_leaf("[]"));
  EXPECT_FALSE(parse_leaf("{"));
}

}  // namespace
}  // namespace tenantry::audit::leaf_test
