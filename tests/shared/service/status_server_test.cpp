// Goal: a process without a gateway tells how it is, and nothing else, to whoever asks.
// Method: the answers; then a server on a free port, asked over HTTP.
#include "shared/service/status_server.h"

#include <gtest/gtest.h>

#include "shared/http/client.h"
#include "shared/telemetry/metrics.h"

namespace tenantry::service::status_server_test {
namespace {

using http::Method;
constexpr messaging::HostHealth well{.database = true, .broker = true};

TEST(Status, SaysWhatIsAway) {
  EXPECT_EQ(status_of(Method::get, "/readyz", well).status, 200);
  const auto without = status_of(Method::get, "/readyz", {.database = true});
  EXPECT_EQ(without.status, 503);
  EXPECT_EQ(without.body, R"({"status":"unready","checks":{"postgres":"ok","rabbitmq":"down"}})");
  EXPECT_EQ(status_of(Method::get, "/livez", {}).status, 200) << "it lives, whatever is away";
}

TEST(Status, TellsNothingElse) {
  EXPECT_EQ(status_of(Method::get, "/v1/me", well).status, 404);
  EXPECT_EQ(status_of(Method::get, "/", well).status, 404);
  const auto posted = status_of(Method::post, "/metrics", well);
  EXPECT_EQ(posted.status, 405);
  EXPECT_EQ(posted.headers.get("Allow"), "GET, HEAD");
}

TEST(Status, IsServedOnAPortOfItsOwn) {
  metrics::counter("tenantry_status_test_total", "Of this test");
  loop::LoopThread thread;
  std::unique_ptr<StatusServer> server;
  thread.run_sync([&] {
    server = std::make_unique<StatusServer>(thread.loop(), StatusAddress{"127.0.0.1", 0}, [] { return well; });
    ASSERT_TRUE(server->listen());
  });
  http::HttpClient client;
  http::ClientRequest request;
  request.method = "GET";
  request.url = "http://127.0.0.1:" + std::to_string(server->port()) + "/metrics";
  const auto answer = client.perform(request);
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->status, 200);
  EXPECT_NE(answer->body.find("tenantry_status_test_total 1"), std::string::npos) << answer->body;
  request.method = "POST";
  request.body = "x";
  const auto refused = client.perform(request);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 413) << "it takes no body";
  thread.run_sync([&] { server.reset(); });
}

}  // namespace
}  // namespace tenantry::service::status_server_test
