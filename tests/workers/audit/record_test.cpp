#include "workers/audit/record.h"

#include <gtest/gtest.h>

#include "tenantry/events/v1/activity.pb.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "tenantry/events/v1/usage.pb.h"

namespace tenantry::audit::record_test {
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
}

TEST(AuditRecord, SaysWhatAValueWasAndIs) {
  events::v1::TenantSuspended suspended;
  suspended.set_reason("abuse \"x\"");
  suspended.set_from_status("ACTIVE");
  EXPECT_EQ(make_record(events::make_event("acme", suspended, {}, Uuid{}), "acme.events", {}).changes,
            R"({"status":{"new":"SUSPENDED","old":"ACTIVE"}})");
  events::v1::PlanChanged plan;
  plan.set_from_plan("STARTER");
  plan.set_to_plan("PRO");
  EXPECT_EQ(make_record(events::make_event("acme", plan, {}, Uuid{}), "acme.events", {}).changes,
            R"({"plan":{"new":"PRO","old":"STARTER"}})");
  events::v1::TenantAccessChanged access;
  access.set_locked(true);
  EXPECT_EQ(make_record(events::make_event("acme", access, {}, Uuid{}), "acme.events", {}).changes,
            R"({"locked":{"new":true}})");
  EXPECT_EQ(make_record(client_created(), "acme.events", {}).changes, "");
}

// An application chooses the metric's name; the row must fit PostgreSQL's text and its index whatever it is.
TEST(Record, HoldsNoMoreOfAForeignTextThanAnIndexTakes) {
  events::v1::UsageRecorded usage;
  usage.set_metric(std::string("a\0b", 3) + std::string(1020, 'x') + "\xC3\xA9" + std::string(200'000, 'y'));
  usage.set_quantity(1);
  const auto record = make_record(events::make_event("acme", usage, {}, Uuid{}), "acme.app", {});
  EXPECT_EQ(record.resource_id, "ab" + std::string(1020, 'x') + "\xC3\xA9");
  usage.set_metric(std::string(1023, 'x') + "\xC3\xA9");
  EXPECT_EQ(make_record(events::make_event("acme", usage, {}, Uuid{}), "acme.app", {}).resource_id,
            std::string(1023, 'x'));
}

}  // namespace
}  // namespace tenantry::audit::record_test
