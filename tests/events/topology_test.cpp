#include "events/topology.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>

#include "events/catalogue.h"

namespace tenantry::events::topology_test {
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
  const auto mine = application_permission("acme-corp", application_user("acme-corp"));
  EXPECT_TRUE(may(mine.write, "acme-corp.app"));
  for (const char* name :
       {"acme-corp.events", "amq.default", "xacme-corp.app", "acme-corp.apps", "acme-corpXapp", "amq.topic"}) {
    EXPECT_FALSE(may(mine.write, name)) << name;
  }
  for (const char* name : {"acme-corp.audit", "acme-corp.billing", "acme-corp.app", "anything"}) {
    EXPECT_FALSE(may(mine.read, name)) << name;
    EXPECT_FALSE(may(mine.configure, name)) << name;
  }
  EXPECT_TRUE(may(mine.read, "acme-corp.app.orders"));
}

TEST(Permissions, NoLoginOfATenantIsAnothers) {
  EXPECT_EQ(application_user("acme"), "tenant-acme");
  EXPECT_EQ(application_user("acme", 2), "tenant-acme.2");
  EXPECT_TRUE(is_application_user("acme", "tenant-acme"));
  EXPECT_TRUE(is_application_user("acme", "tenant-acme.12"));
  for (const char* other : {"tenant-acme-2", "tenant-acm", "tenant-acme2", "tenantry-publisher", ""}) {
    EXPECT_FALSE(is_application_user("acme", other)) << other;
  }
}

TEST(Permissions, AWorkerReadsItsOwnQueueOnly) {
  const auto all = permissions_of("acme", {});
  const auto billing = std::ranges::find(all, worker_user("billing"), &Permission::user);
  ASSERT_NE(billing, all.end());
  EXPECT_TRUE(may(billing->read, "acme.billing"));
  EXPECT_FALSE(may(billing->read, "acme.audit"));
  EXPECT_FALSE(may(billing->write, "acme.events"));
  const auto audit = std::ranges::find(all, worker_user("audit"), &Permission::user);
  ASSERT_NE(audit, all.end());
  EXPECT_TRUE(may(audit->read, "acme.audit"));
  EXPECT_TRUE(may(audit->read, "acme.audit.expired"));
  EXPECT_FALSE(may(audit->read, "acme.metering.expired"));
  EXPECT_FALSE(may(audit->read, "acme.audit.other"));
}

TEST(Permissions, AProcessThatHostsAllWorkersReadsTheirQueuesAndNoOther) {
  const auto all = permissions_of("acme", {});
  const auto workers_user = std::ranges::find(all, BrokerUsers{}.workers, &Permission::user);
  ASSERT_NE(workers_user, all.end());
  for (const auto worker : workers) {
    for (const auto& queue : queues_of("acme", worker)) EXPECT_TRUE(may(workers_user->read, queue)) << queue;
  }
  for (const char* name : {"acme.app.orders", "acme.events", "xacme.audit", "acme.audit.expired.more"}) {
    EXPECT_FALSE(may(workers_user->read, name)) << name;
  }
}

TEST(Topology, QueuesHaveAnEndAndLoseNothingThatWasConfirmed) {
  const auto definitions = nlohmann::json::parse(definitions_json("acme", "classic"));
  for (const auto& queue : definitions.at("queues")) {
    const auto& arguments = queue.at("arguments");
    EXPECT_GT(arguments.at("x-max-length-bytes"), 0) << queue;
    EXPECT_EQ(arguments.at("x-overflow"), "reject-publish") << queue;
    const std::string name = queue.at("name");
    const bool of_applications = name == "acme.audit" || name == "acme.metering";
    EXPECT_EQ(arguments.contains("x-dead-letter-exchange"), of_applications) << queue;
    if (of_applications) {
      EXPECT_EQ(arguments.at("x-dead-letter-exchange"), "");
      EXPECT_EQ(arguments.at("x-dead-letter-routing-key"), name + ".expired")
          << "into itself would be a cycle: dropped";
    }
  }
}

TEST(Topology, DefinitionsNameTheQueueTypeAndKeepOneConsumerActive) {
  const auto definitions = nlohmann::json::parse(definitions_json("acme", "quorum"));
  EXPECT_EQ(definitions["queues"].size(), std::size(workers) + workers_of_applications().size());
  for (const auto& queue : definitions["queues"]) {
    EXPECT_EQ(queue["arguments"]["x-queue-type"], "quorum");
    EXPECT_EQ(queue["arguments"]["x-single-active-consumer"], true);
  }
}

// Full, it must not refuse: the platform's own publishing would wait for a tenant's consumer.
TEST(Topology, AnApplicationsQueueHasAnEndAndHoldsNobodyUp) {
  const std::vector<ApplicationQueue> queues{{.name = "orders",
                                              .own_events = {"order.*"},
                                              .platform_events = {"tenant.activated"},
                                              .message_ttl_seconds = 60}};
  const auto definitions = nlohmann::json::parse(application_queues_json("acme", queues, "quorum"));
  ASSERT_EQ(definitions["queues"].size(), 1U);
  const auto& queue = definitions["queues"][0];
  EXPECT_EQ(queue["name"], "acme.app.orders");
  EXPECT_EQ(queue["arguments"]["x-queue-type"], "quorum");
  EXPECT_EQ(queue["arguments"]["x-overflow"], "drop-head");
  EXPECT_EQ(queue["arguments"]["x-max-length-bytes"], application_queue_bytes_max);
  EXPECT_EQ(queue["arguments"]["x-message-ttl"], 60'000);
  ASSERT_EQ(definitions["bindings"].size(), 2U);
  EXPECT_EQ(definitions["bindings"][0]["source"], "acme.app");
  EXPECT_EQ(definitions["bindings"][1]["source"], "acme.events");
  EXPECT_TRUE(may(application_permission("acme", "tenant-acme").read, queue["name"].get<std::string>()));
}

// What moves the platform along, refuses somebody or travels elsewhere is nobody's to hear.
TEST(Topology, TenantsHearOfWhatIsTheirsAlone) {
  for (const auto type : heard_by_applications()) {
    const auto* entry = Catalogue::instance().find(type);
    ASSERT_NE(entry, nullptr) << type;
    EXPECT_FALSE(entry->platform_scope) << type;
    const auto space = type.substr(0, type.find('.'));
    for (const char* internal :
         {"signup", "provisioning", "security", "platform", "dunning", "audit", "user", "stripe"}) {
      EXPECT_NE(space, internal) << type;
    }
    EXPECT_NE(type, end_of_stream_type);
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
}  // namespace tenantry::events::topology_test
