// Goal: a broker that comes up or falls over is asked again, whatever it answers.
// Method: the client against a management API of the test's own, with answers that
// RabbitMQ 3.10 gave in fault runs.
#include "shared/broker_admin/broker_admin.h"

#include <map>
#include <mutex>

#include "tests/shared/http/fixture.h"

namespace tenantry::broker_admin {
namespace {

struct Answer {
  int status = 204;
  std::string body{};
};

class BrokerAdminTest : public ::testing::Test {
 protected:
  std::string url() const { return "http://admin:secret@127.0.0.1:" + std::to_string(server.port); }

  std::map<std::string, Answer> answers;  // by "METHOD /path"; 204 where there is none
  std::vector<std::string> asked;
  std::mutex mutex;
  http::TestServer server{[this](const std::shared_ptr<http::Exchange>& exchange) {
    const std::lock_guard lock(mutex);
    const auto& request = exchange->request();
    asked.push_back(std::string(to_string(request.method)) + " " + request.path);
    const auto at = answers.find(asked.back());
    const auto answer = at == answers.end() ? Answer{} : at->second;
    exchange->respond({.status = answer.status, .body = answer.body});
  }};
};

const std::string definitions =
    R"({"exchanges":[],"queues":[{"name":"acme.audit"},{"name":"acme.billing"}],"bindings":[]})";

TEST_F(BrokerAdminTest, AnImportIsDoneWhenItsQueuesAreThere) {
  answers["GET /api/queues/tenant-acme"] = {200, R"([{"name":"acme.billing"},{"name":"other"},{"name":"acme.audit"}])"};
  const auto admin = *connect(url());
  const auto done = admin->import_definitions("tenant-acme", definitions);
  EXPECT_TRUE(done) << done.error().describe();
}

// As a vhost that was made and did not start: the import answers 204, and its queues are not.
TEST_F(BrokerAdminTest, AStoppedVhostIsStartedAndTheImportIsToBeAskedAgain) {
  answers["GET /api/queues/tenant-acme"] = {200, R"([{"name":"acme.audit"}])"};
  answers["GET /api/vhosts/tenant-acme"] = {
      200, R"({"name":"tenant-acme","cluster_state":{"rabbit@one":"running","rabbit@two":"stopped"}})"};
  const auto admin = *connect(url());
  const auto done = admin->import_definitions("tenant-acme", definitions);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::unavailable);
  EXPECT_NE(done.error().message.find("acme.billing"), std::string::npos) << done.error().message;
  EXPECT_EQ(asked.back(), "POST /api/vhosts/tenant-acme/start/rabbit@two");
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

}  // namespace
}  // namespace tenantry::broker_admin
