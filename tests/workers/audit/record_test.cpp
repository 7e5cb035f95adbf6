#include "workers/audit/record.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tenantry/events/v1/activity.pb.h"

namespace tenantry::audit {
namespace {

events::Event client_created() {
  events::v1::ClientCreated created;
  created.set_client_id("c1");
  created.set_name("Café");
  return events::make_event("acme", created,
                            {.source = "/tenantry/gateway",
                             .actor = {.kind = "user", .id = "u1", .ip = "192.0.2.7", .user_agent = "curl"},
                             .time = from_unix_seconds(1'700'000'000)},
                            *Uuid::parse("0190163d-8694-739b-aea5-966c26f8ad91"));
}

TEST(AuditRecord, TakesItsActionAndResourceFromTheSchema) {
  const auto record = make_record(client_created(), "acme.events", from_unix_seconds(1'700'000'001));
  EXPECT_EQ(record.action, "CREATE");
  EXPECT_EQ(record.crud, "create");
  EXPECT_EQ(record.resource, "client");
  EXPECT_EQ(record.resource_id, "c1");
  EXPECT_EQ(record.actor_ip, "192.0.2.7");
  EXPECT_FALSE(record.failure);
}

TEST(AuditRecord, KeepsWhatNobodyKnows) {
  events::Event event;
  event.type = "order.created";
  event.tenant_id = "acme";
  event.content_type = "application/octet-stream";
  event.payload = std::string("\0\xFF", 2);
  const auto record = make_record(event, "acme.app", {});
  EXPECT_EQ(record.action, "order.created");
  EXPECT_EQ(record.resource, "order");
  EXPECT_TRUE(record.payload.empty());
  const auto leaf = nlohmann::json::parse(leaf_of(record, event));
  EXPECT_EQ(leaf["payload_base64"], "AP8=");
}

TEST(AuditRecord, ItsLeafHoldsSequenceAndTheEventsOwnBytes) {
  const auto event = client_created();
  auto record = make_record(event, "acme.events", from_unix_seconds(1'700'000'001));
  record.sequence = 7;
  const auto text = leaf_of(record, event);
  EXPECT_EQ(text, leaf_of(record, event));
  const auto leaf = nlohmann::json::parse(text);
  EXPECT_EQ(leaf["sequence"], 7);
  EXPECT_EQ(leaf["payload_base64"], to_base64(as_bytes(event.payload)));
  record.sequence = 8;
  EXPECT_NE(text, leaf_of(record, event));
}

TEST(AuditRecord, ItsLeafIsWhatAJsonLibraryWouldWrite) {
  for (const auto* text : {"plain", "", "Café \"crème\" \\ \t\x01\x7f", "\xff ill-formed"}) {
    auto event = client_created();
    event.foreign_id = text;
    event.content_type = text;
    auto record = make_record(event, text, from_unix_seconds(1'700'000'001) + Microseconds{5});
    record.sequence = 18'000'000'000'000;
    record.resource_id = record.actor_agent = record.correlation_id = text;
    const nlohmann::json expected = {
        {"tenant_id", record.tenant_id},
        {"sequence", record.sequence},
        {"event_id", record.event_id.to_string()},
        {"type", record.type},
        {"occurred_at", "2023-11-14T22:13:20Z"},
        {"recorded_at", "2023-11-14T22:13:21.000005Z"},
        {"actor", {{"kind", "user"}, {"id", "u1"}, {"ip", "192.0.2.7"}, {"user_agent", text}}},
        {"action", "CREATE"},
        {"crud", "create"},
        {"resource", {{"kind", "client"}, {"id", text}}},
        {"outcome", "success"},
        {"correlation_id", text},
        {"causation_id", ""},
        {"source", "/tenantry/gateway"},
        {"exchange", text},
        {"content_type", text},
        {"payload_base64", to_base64(as_bytes(event.payload))},
    };
    auto with_foreign_id = expected;
    if (!event.foreign_id.empty()) with_foreign_id["foreign_id"] = text;
    EXPECT_EQ(leaf_of(record, event), with_foreign_id.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
}

}  // namespace
}  // namespace tenantry::audit
