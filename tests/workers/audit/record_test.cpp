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

}  // namespace
}  // namespace tenantry::audit
