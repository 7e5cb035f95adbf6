// Goal: a broker that comes up or falls over is asked again, whatever it answers.
// Method: the client against a management API of the test's own, with answers that
// RabbitMQ 3.10 gave in fault runs.
#include "shared/broker_admin/broker_admin.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>
#include <tuple>

#include "shared/broker_admin/queues.h"
#include "tests/shared/http/fixture.h"

namespace tenantry::broker_admin::broker_admin_test {
namespace {

struct Answer {
  int status = 204;
  std::string body{};
};

class BrokerAdminTest : public ::testing::Test {
 protected:
  std::string url() const { return "http://admin:secret@127.0.0.1:" + std::to_string(server.port); }

  const Answer running{200, R"({"name":"tenant-acme","cluster_state":{"rabbit@one":"running"}})"};
  const Answer stopped{200, R"({"name":"tenant-acme","cluster_state":{"rabbit@one":"stopped"}})"};
  const std::string put_vhost = R"(PUT /api/vhosts/tenant-acme {"description":"acme"})";

  std::map<std::string, Answer> answers;  // by "METHOD /path"; 204 where there is none
  std::vector<std::string> asked;
  std::string asked_query;  // of the last, without the columns
  std::mutex mutex;
  http::TestServer server{[this](const std::shared_ptr<http::Exchange>& exchange) {
    const std::lock_guard lock(mutex);
    const auto& request = exchange->request();
    const auto what = std::string(to_string(request.method)) + " " + request.path;
    asked.push_back(request.body.empty() ? what : what + " " + request.body);
    asked_query.clear();
    for (const auto& [name, value] : request.query) {
      if (name != "columns") asked_query.append(asked_query.empty() ? "" : "&").append(name).append("=").append(value);
    }
    const auto at = answers.find(what);
    const auto answer = at == answers.end() ? Answer{} : at->second;
    exchange->respond({.status = answer.status, .body = answer.body});
  }};
};

const std::string definitions = R"({
  "exchanges":[{"name":"acme.events","type":"topic"}],
  "queues":[{"name":"acme.audit","durable":true},{"name":"acme.billing","durable":true}],
  "bindings":[{"source":"acme.events","destination":"acme.audit","destination_type":"queue","routing_key":"#","arguments":{}}]})";

TEST_F(BrokerAdminTest, AnImportDeclaresEachObjectAfterThoseItNeeds) {
  const auto admin = *connect(url());
  const auto done = admin->import_definitions("tenant-acme", definitions);
  ASSERT_TRUE(done) << done.error().describe();
  ASSERT_EQ(asked.size(), 4U);
  std::sort(asked.begin() + 1, asked.begin() + 3);  // at once
  EXPECT_EQ(asked, (std::vector<std::string>{"PUT /api/exchanges/tenant-acme/acme.events {\"type\":\"topic\"}",
                                             "PUT /api/queues/tenant-acme/acme.audit {\"durable\":true}",
                                             "PUT /api/queues/tenant-acme/acme.billing {\"durable\":true}",
                                             "POST /api/bindings/tenant-acme/e/acme.events/q/acme.audit "
                                             "{\"arguments\":{},\"routing_key\":\"#\"}"}));
}

// As a vhost that was made and did not start: it takes exchanges and refuses queues.
TEST_F(BrokerAdminTest, AStoppedVhostIsStartedAndTheImportIsToBeAskedAgain) {
  answers["PUT /api/queues/tenant-acme/acme.billing"] = {
      400,
      R"({"error":"bad_request","reason":"Cannot declare a queue 'queue 'acme.billing' in vhost 'tenant-acme'' on )"
      R"(node 'rabbit@two': {vhost_supervisor_not_running,<<\"tenant-acme\">>}"})"};
  answers["GET /api/vhosts/tenant-acme"] = {
      200, R"({"name":"tenant-acme","cluster_state":{"rabbit@one":"running","rabbit@two":"stopped"}})"};
  const auto admin = *connect(url());
  const auto done = admin->import_definitions("tenant-acme", definitions);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::unavailable);
  EXPECT_NE(done.error().message.find("acme.billing"), std::string::npos) << done.error().message;
  EXPECT_EQ(asked.back(), "POST /api/vhosts/tenant-acme/start/rabbit@two {}");
}

TEST_F(BrokerAdminTest, AStoppedVhostThatRefusesExchangesIsStarted) {
  answers["PUT /api/exchanges/tenant-acme/acme.events"] = {401,
                                                           R"({"error":"not_authorised","reason":"Access refused."})"};
  answers["GET /api/vhosts/tenant-acme"] = stopped;
  const auto admin = *connect(url());
  const auto done = admin->import_definitions("tenant-acme", definitions);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::unavailable);
  EXPECT_EQ(asked.back(), "POST /api/vhosts/tenant-acme/start/rabbit@one {}");
}

// As RabbitMQ leaves it where whoever made it went in the middle.
TEST_F(BrokerAdminTest, AVhostThatIsHalfMadeIsMadeAgain) {
  answers["GET /api/queues/tenant-acme"] = {200, "[]"};
  answers["GET /api/vhosts/tenant-acme"] = stopped;
  const auto admin = *connect(url());
  EXPECT_TRUE(admin->ensure_vhost("tenant-acme", "acme"));
  EXPECT_EQ(asked, (std::vector<std::string>{put_vhost, "GET /api/queues/tenant-acme", "GET /api/vhosts/tenant-acme",
                                             "DELETE /api/vhosts/tenant-acme", put_vhost}));
}

TEST_F(BrokerAdminTest, AVhostWithoutItsDefaultExchangeIsMadeAgain) {
  answers["GET /api/queues/tenant-acme"] = {200, "[]"};
  answers["GET /api/vhosts/tenant-acme"] = running;
  answers["GET /api/exchanges/tenant-acme/amq.default"] = {404, R"({"error":"Object Not Found"})"};
  const auto admin = *connect(url());
  EXPECT_TRUE(admin->ensure_vhost("tenant-acme", "acme"));
  EXPECT_EQ(asked.back(), put_vhost);
  EXPECT_EQ(asked.size(), 6U);
}

TEST_F(BrokerAdminTest, AVhostThatIsWholeStays) {
  answers["GET /api/queues/tenant-acme"] = {200, "[]"};
  answers["GET /api/vhosts/tenant-acme"] = running;
  answers["GET /api/exchanges/tenant-acme/amq.default"] = {200, R"({"name":""})"};
  const auto admin = *connect(url());
  EXPECT_TRUE(admin->ensure_vhost("tenant-acme", "acme"));
  EXPECT_EQ(asked.size(), 4U);
}

TEST_F(BrokerAdminTest, AVhostThatHasQueuesStaysHoweverItIs) {
  answers["GET /api/queues/tenant-acme"] = {200, R"([{"name":"acme.audit"}])"};
  answers["GET /api/vhosts/tenant-acme"] = stopped;
  const auto admin = *connect(url());
  EXPECT_TRUE(admin->ensure_vhost("tenant-acme", "acme"));
  EXPECT_EQ(asked, (std::vector<std::string>{put_vhost, "GET /api/queues/tenant-acme"}));
}

TEST_F(BrokerAdminTest, AVhostWhoseQueuesAreNotToldStays) {
  answers["GET /api/queues/tenant-acme"] = {503, ""};
  answers["GET /api/vhosts/tenant-acme"] = stopped;
  const auto admin = *connect(url());
  EXPECT_EQ(admin->ensure_vhost("tenant-acme", "acme").error().code, Errc::unavailable);
  EXPECT_EQ(asked.size(), 2U);
}

TEST_F(BrokerAdminTest, PermissionsLetOurselvesInToDeclareObjects) {
  const auto admin = *connect(url());
  const std::vector<events::Permission> permissions{
      {.user = "tenant-acme", .configure = "^$", .write = "a", .read = "b"}};
  EXPECT_TRUE(admin->set_permissions("tenant-acme", permissions));
  std::ranges::sort(asked);
  EXPECT_EQ(asked, (std::vector<std::string>{
                       R"(PUT /api/permissions/tenant-acme/admin {"configure":".*","read":".*","write":".*"})",
                       R"(PUT /api/permissions/tenant-acme/tenant-acme {"configure":"^$","read":"b","write":"a"})"}));
}

TEST_F(BrokerAdminTest, AQueueThatCannotBeIsNotAskedForAgain) {
  answers["PUT /api/queues/tenant-acme/acme.audit"] = {
      400, R"({"error":"bad_request","reason":"invalid arg 'x-queue-type' for queue 'acme.audit' in vhost )"
           R"('tenant-acme': \"unsupported queue type 'paper'\""})"};
  const auto admin = *connect(url());
  const auto done = admin->import_definitions("tenant-acme", definitions);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::invalid);
}

TEST_F(BrokerAdminTest, AQueueThatIsThereWithOtherArgumentsStays) {
  answers["PUT /api/queues/tenant-acme/acme.audit"] = {
      400, R"({"error":"bad_request","reason":"inequivalent arg 'x-queue-type' for queue 'acme.audit' in vhost )"
           R"('tenant-acme': received 'quorum' but current is 'classic'"})"};
  const auto admin = *connect(url());
  const auto done = admin->import_definitions("tenant-acme", definitions);
  EXPECT_TRUE(done) << done.error().describe();
  EXPECT_EQ(asked.size(), 4U);
}

TEST_F(BrokerAdminTest, ABindingThatIsRefusedIsAnError) {
  answers["POST /api/bindings/tenant-acme/e/acme.events/q/acme.audit"] = {400, R"({"error":"bad_request"})"};
  const auto admin = *connect(url());
  const auto done = admin->import_definitions("tenant-acme", definitions);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::invalid);
}

TEST_F(BrokerAdminTest, WhatIsPutAndNotFoundIsAskedAgain) {
  answers["PUT /api/vhosts/tenant-acme"] = {404, R"({"error":"Object Not Found","reason":"Not Found"})"};
  const auto admin = *connect(url());
  const auto done = admin->ensure_vhost("tenant-acme", "acme");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::unavailable);
}

TEST_F(BrokerAdminTest, WhatIsWrongIsNot) {
  answers["PUT /api/vhosts/tenant-acme"] = {400, R"({"error":"bad_request"})"};
  const auto admin = *connect(url());
  EXPECT_EQ(admin->ensure_vhost("tenant-acme", "acme").error().code, Errc::invalid);
}

const Timestamp now = from_unix_seconds(1'800'000'000);

class DeepestQueues : public BrokerAdminTest {
 protected:
  // Vhosts and the messages of each of their queues.
  void broker_has(const std::vector<std::pair<std::string, std::vector<int>>>& vhosts) {
    nlohmann::json totals = nlohmann::json::array();
    for (const auto& [vhost, depths] : vhosts) {
      nlohmann::json queues = nlohmann::json::array();
      for (std::size_t i = 0; i < depths.size(); ++i) {
        queues.push_back({{"vhost", vhost}, {"name", "q" + std::to_string(i)}, {"messages_ready", depths[i]}});
      }
      totals.push_back({{"name", vhost}, {"messages", std::accumulate(depths.begin(), depths.end(), 0)}});
      answers["GET /api/queues/" + vhost] = {
          200, nlohmann::json{{"filtered_count", queues.size()}, {"items", queues}}.dump()};
    }
    answers["GET /api/vhosts"] = {200, totals.dump()};
  }
  // The vhosts that were read, in their order.
  std::vector<std::string> read() const {
    std::vector<std::string> out;
    for (const auto& each : asked) {
      if (each.starts_with("GET /api/queues/")) out.push_back(each.substr(16));
    }
    return out;
  }
  static std::vector<std::int64_t> depths(const QueuePage& page) {
    std::vector<std::int64_t> out;
    for (const auto& queue : page.queues) out.push_back(queue.ready + queue.unacknowledged);
    return out;
  }
};

TEST_F(DeepestQueues, AreToldAsTheBrokerHasThem) {
  answers["GET /api/vhosts"] = {200, R"([{"name":"tenant-acme","messages":5}])"};
  answers["GET /api/queues/tenant-acme"] = {200, R"({"filtered_count":7,"item_count":2,"items":[
    {"vhost":"tenant-acme","name":"acme.billing","messages":5,"messages_ready":3,"messages_unacknowledged":2,"consumers":1,
     "head_message_timestamp":1799999990,
     "message_stats":{"publish_details":{"rate":2.4},"deliver_get_details":{"rate":2.5},"ack_details":{"rate":2}}},
    {"vhost":"tenant-acme","name":"new"}]})"};
  const auto page = deepest_queues(url(), "a b", 2, now);
  ASSERT_TRUE(page) << page.error().describe();
  EXPECT_EQ(std::tuple(page->matching, page->vhosts, page->vhosts_read, page->read_at), std::tuple(7, 1, 1, now));
  ASSERT_EQ(page->queues.size(), 2U);
  const auto& deep = page->queues[0];
  EXPECT_EQ(std::tuple(deep.vhost, deep.name, deep.ready, deep.unacknowledged, deep.consumers, deep.oldest_at),
            std::tuple("tenant-acme", "acme.billing", 3, 2, 1, std::optional(now - Seconds{10})));
  EXPECT_EQ(std::tuple(deep.publish_rate, deep.deliver_rate, deep.ack_rate), std::tuple(2.4, 2.5, 2.0));
  const auto& young = page->queues[1];  // younger than the statistics
  EXPECT_EQ(std::tuple(young.ready, young.consumers, young.oldest_at), std::tuple(0, 0, std::optional<Timestamp>()));
  EXPECT_EQ(young.publish_rate, 0);
  EXPECT_EQ(asked_query, "page=1&page_size=2&sort=messages&sort_reverse=true&use_regex=false&name=a b");
}

TEST_F(DeepestQueues, AreFoundWithoutAListOfAll) {
  broker_has(
      {{"tenant-a", {1, 0}}, {"tenant-b", {0, 0}}, {"tenant-c", {9, 2}}, {"tenant-d", {4, 4}}, {"platform", {}}});
  const auto page = deepest_queues(url(), "", 3, now);
  ASSERT_TRUE(page) << page.error().describe();
  EXPECT_EQ(depths(*page), (std::vector<std::int64_t>{9, 4, 4}));
  EXPECT_EQ(read(), (std::vector<std::string>{"tenant-c", "tenant-d"})) << "the third is at 4, and what follows has 1";
  EXPECT_EQ(std::tuple(page->matching, page->vhosts, page->vhosts_read), std::tuple(4, 5, 2));
}

TEST_F(DeepestQueues, OfAVhostWhoseManyQueuesAreShallowAreNotAllThereIs) {
  broker_has({{"tenant-many", {3, 3, 3, 3}}, {"tenant-one", {10}}});
  EXPECT_EQ(depths(*deepest_queues(url(), "", 2, now)), (std::vector<std::int64_t>{10, 3}));
}

TEST_F(DeepestQueues, WhereNothingWaitsAreAsManyAsAreAskedFor) {
  broker_has({{"tenant-a", {0, 0}}, {"tenant-b", {0, 0}}, {"tenant-c", {0}}});
  EXPECT_EQ(deepest_queues(url(), "", 3, now)->queues.size(), 3U);
  EXPECT_EQ(read(), (std::vector<std::string>{"tenant-a", "tenant-b"}));
  asked.clear();
  const auto all = deepest_queues(url(), "", 50, now);
  EXPECT_EQ(std::tuple(all->queues.size(), all->matching, all->vhosts_read), std::tuple(5U, 5, 3));
}

TEST_F(DeepestQueues, ATenantsOwnComeBeforeDeeperVhosts) {
  broker_has({{"tenant-acme", {0}}, {"tenant-acme-2", {1}}, {"tenant-other", {50}}});
  for (const std::string part : {"acme", "acme.billing", "cme-"}) {
    asked.clear();
    ASSERT_TRUE(deepest_queues(url(), part, 50, now));
    EXPECT_EQ(read().front(), part == "acme.billing" ? "tenant-acme" : "tenant-acme-2") << part;
    EXPECT_EQ(read().size(), 3U) << "an application may call a queue after somebody";
  }
}

TEST_F(DeepestQueues, AreNotLookedForInEachOfVeryManyVhosts) {
  std::vector<std::pair<std::string, std::vector<int>>> vhosts;
  for (int i = 0; i < 150; ++i) vhosts.push_back({"tenant-" + std::to_string(i), {}});
  broker_has(vhosts);
  const auto page = deepest_queues(url(), "billing", 50, now);
  ASSERT_TRUE(page);
  EXPECT_EQ(std::tuple(page->vhosts, page->vhosts_read), std::tuple(150, 100));
}

TEST_F(DeepestQueues, AVhostThatWentOrIsClosedIsPassedOver) {
  broker_has({{"tenant-a", {5}}, {"tenant-b", {4}}, {"tenant-c", {3}}});
  answers["GET /api/queues/tenant-a"] = {404, R"({"error":"Object Not Found","reason":"Not Found"})"};
  answers["GET /api/queues/tenant-b"] = {401, R"({"error":"not_authorised","reason":"User not authorised"})"};
  const auto page = deepest_queues(url(), "", 50, now);
  ASSERT_TRUE(page) << page.error().describe();
  EXPECT_EQ(depths(*page), std::vector<std::int64_t>{3});
  EXPECT_EQ(std::tuple(page->vhosts, page->vhosts_read), std::tuple(3, 1));
}

TEST_F(DeepestQueues, NoListIsABrokerThatIsAway) {
  const std::vector<Answer> no_lists{{401, "{}"}, {200, "{}"}, {200, "no JSON"}, {200, "[3]"}, {503, ""}};
  for (const auto& answer : no_lists) {
    answers["GET /api/vhosts"] = answer;
    const auto page = deepest_queues(url(), "", 50, now);
    ASSERT_FALSE(page) << answer.body;
    EXPECT_EQ(page.error().reason, "broker_unavailable") << answer.body;
  }
  answers["GET /api/vhosts"] = {200, R"([{"name":"tenant-acme"}])"};
  for (const auto& answer : {Answer{200, "{}"}, Answer{200, "no JSON"}, Answer{200, R"([{"name":"x"}])"},
                             Answer{200, R"({"filtered_count":1,"items":[{"name":1}]})"}, Answer{503, ""}}) {
    answers["GET /api/queues/tenant-acme"] = answer;
    const auto page = deepest_queues(url(), "", 50, now);
    ASSERT_FALSE(page) << answer.body;
    EXPECT_EQ(page.error().reason, "broker_unavailable") << answer.body;
  }
  EXPECT_EQ(deepest_queues("http://127.0.0.1:1", "", 50, now).error().code, Errc::invalid);
  EXPECT_EQ(deepest_queues("http://a:b@127.0.0.1:1", "", 50, now).error().reason, "broker_unavailable");
}

TEST_F(DeepestQueues, OfConnectionsAreThoseOfOurProcesses) {
  answers["GET /api/vhosts/platform/connections"] = {200, R"([
    {"client_properties":{"connection_name":"tenantry-billing"},"peer_host":"10.0.0.7","connected_at":1800000020000},
    {"client_properties":{"connection_name":"tenantry-billing publisher"},"peer_host":"10.0.0.7","connected_at":1800000010000},
    {"client_properties":{"connection_name":"tenantry-billing"},"peer_host":"10.0.0.8","connected_at":1800000030000},
    {"client_properties":{"connection_name":"tenantry-audit"},"peer_host":"10.0.0.7","connected_at":1800000030000},
    {"client_properties":{},"peer_host":"10.0.0.9"}, {"client_properties":[]}, {}])"};
  const auto processes = connected_processes(url(), now);
  ASSERT_TRUE(processes) << processes.error().describe();
  std::vector<std::tuple<std::string, std::string, int, int, Timestamp>> shown;
  for (const auto& each : processes->processes)
    shown.emplace_back(each.name, each.host, each.processes, each.consumers, each.since);
  EXPECT_EQ(shown, (std::vector<std::tuple<std::string, std::string, int, int, Timestamp>>{
                       {"tenantry-audit", "10.0.0.7", 0, 1, from_unix_seconds(1'800'000'030)},
                       {"tenantry-billing", "10.0.0.7", 1, 1, from_unix_seconds(1'800'000'010)},
                       {"tenantry-billing", "10.0.0.8", 0, 1, from_unix_seconds(1'800'000'030)}}));
  for (const auto& answer : {Answer{200, "{}"}, Answer{200, "[3]"}, Answer{401, "[]"}, Answer{503, ""}}) {
    answers["GET /api/vhosts/platform/connections"] = answer;
    EXPECT_EQ(connected_processes(url(), now).error().reason, "broker_unavailable") << answer.body;
  }
}

}  // namespace
}  // namespace tenantry::broker_admin::broker_admin_test
