#include "events/topology.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>

namespace tenantry::events {
namespace {

TEST(Topology, EveryQueueHearsTheEndOfItsStream) {
  const auto bindings = bindings_of("acme");
  for (const auto worker : workers) {
    const bool hears = std::ranges::any_of(bindings, [&](const Binding& binding) {
      return binding.queue == queue_of("acme", worker) &&
             (binding.routing_key == end_of_stream_type || binding.routing_key == "#");
    });
    EXPECT_TRUE(hears) << worker;
  }
}

TEST(Topology, OnlyAuditAndMeteringHearApplications) {
  for (const auto& binding : bindings_of("acme")) {
    if (binding.exchange != "acme.app") continue;
    EXPECT_TRUE(binding.queue == "acme.audit" || binding.queue == "acme.metering") << binding.queue;
  }
}

bool may(const std::string& pattern, const std::string& name) {
  return std::regex_search(name, std::regex(pattern));
}

TEST(Permissions, AnApplicationMayOnlyPublishToItsExchange) {
  const auto all = permissions_of("acme-corp", {});
  const auto mine = std::ranges::find(all, application_user("acme-corp"), &Permission::user);
  ASSERT_NE(mine, all.end());
  EXPECT_TRUE(may(mine->write, "acme-corp.app"));
  for (const char* name :
       {"acme-corp.events", "amq.default", "xacme-corp.app", "acme-corp.apps", "acme-corpXapp", "amq.topic"}) {
    EXPECT_FALSE(may(mine->write, name)) << name;
  }
  for (const char* name : {"acme-corp.audit", "acme-corp.billing", "acme-corp.app", "anything"}) {
    EXPECT_FALSE(may(mine->read, name)) << name;
    EXPECT_FALSE(may(mine->configure, name)) << name;
  }
  EXPECT_TRUE(may(mine->read, "acme-corp.app.orders"));
}

TEST(Permissions, AWorkerReadsItsOwnQueueOnly) {
  const auto all = permissions_of("acme", {});
  const auto billing = std::ranges::find(all, worker_user("billing"), &Permission::user);
  ASSERT_NE(billing, all.end());
  EXPECT_TRUE(may(billing->read, "acme.billing"));
  EXPECT_FALSE(may(billing->read, "acme.audit"));
  EXPECT_FALSE(may(billing->write, "acme.events"));
}

TEST(Topology, DefinitionsNameTheQueueTypeAndKeepOneConsumerActive) {
  const auto definitions = nlohmann::json::parse(definitions_json("acme", "quorum"));
  EXPECT_EQ(definitions["queues"].size(), std::size(workers));
  for (const auto& queue : definitions["queues"]) {
    EXPECT_EQ(queue["arguments"]["x-queue-type"], "quorum");
    EXPECT_EQ(queue["arguments"]["x-single-active-consumer"], true);
  }
}

TEST(Vhosts, NameTheirTenantAndBack) {
  EXPECT_EQ(vhost_of("acme"), "tenant-acme");
  EXPECT_EQ(tenant_of_vhost("tenant-acme"), "acme");
  EXPECT_EQ(vhost_of("platform"), "platform");
  EXPECT_EQ(tenant_of_vhost("platform"), "platform");
  EXPECT_EQ(tenant_of_vhost("/"), "");
}

}  // namespace
}  // namespace tenantry::events
