// Goal: a receiver of traces that is slow, away or hostile costs spans, which are counted, and nothing else.
// Method: a receiver on a free port that answers as it is told, and an exporter with short pauses.
#include "shared/service/trace_exporter.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"
#include "shared/http/server.h"
#include "shared/loop/loop.h"
#include "shared/telemetry/metrics.h"
#include "shared/telemetry/trace.h"

namespace tenantry::service::trace_exporter_test {
namespace {

using Answers = std::vector<http::Response>;

class Receiver {
 public:
  explicit Receiver(Answers answers) : answers_(std::move(answers)) {
    thread_.run_sync([&] {
      server_ = std::make_unique<http::Server>(thread_.loop(), http::ServerOptions{}, [this](const auto& exchange) {
        const std::lock_guard lock(mutex_);
        const auto at = std::min(requests_.size(), answers_.size() - 1);
        requests_.push_back(exchange->request());
        exchange->respond(answers_[at]);
        arrived_.notify_all();
      });
      ASSERT_TRUE(server_->listen());
    });
  }
  ~Receiver() {
    thread_.run_sync([&] { server_.reset(); });
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  std::vector<http::Request> await(std::size_t count) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, Seconds{20}, [&] { return requests_.size() >= count; });
    return requests_;
  }

 private:
  loop::LoopThread thread_;
  std::unique_ptr<http::Server> server_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<http::Response> answers_;
  std::vector<http::Request> requests_;
};

constexpr TraceExporterLimits quick{.spans_max = 2, .every = Milliseconds{5}, .retry_floor = Milliseconds{5}};

class Exporting : public testing::Test {
 protected:
  void SetUp() override { tracing::enable({.share = 1}, ids_); }
  void TearDown() override { tracing::disable(); }
  static void make(int spans) {
    for (int i = 0; i < spans; ++i) {
      tracing::finish(
          {.context = tracing::new_root(), .name = std::to_string(i), .start = tracing::now(), .end = tracing::now()});
    }
  }
  static double counted(const std::string& series) {
    const auto text = metrics::render();
    const auto at = text.find(series + " ");
    return at == text.npos ? 0 : std::stod(text.substr(at + series.size()));
  }

 private:
  SystemClock clock_;
  SystemIdGenerator ids_{clock_};
};

TEST_F(Exporting, SpansGoOutInBatchesWithTheirFormatAndLogin) {
  Receiver receiver(Answers{{.status = 200}});
  {
    TraceExporter exporter({.url = receiver.url(), .json = true, .authorization = "Bearer x"}, {}, quick);
    make(3);
    exporter.start();
  }
  const auto requests = receiver.await(2);
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].path, "/v1/traces");
  EXPECT_EQ(requests[0].headers.get("Content-Type"), "application/json");
  EXPECT_EQ(requests[0].headers.get("Authorization"), "Bearer x");
  const auto spans = [](const http::Request& request) {
    return nlohmann::json::parse(request.body)["resourceSpans"][0]["scopeSpans"][0]["spans"].size();
  };
  EXPECT_EQ(spans(requests[0]), 2u);
  EXPECT_EQ(spans(requests[1]), 1u) << "what waits when the process ends is sent";
}

TEST_F(Exporting, WhatMayBeSentAgainIsAndTheRestIsNot) {
  Receiver receiver(Answers{{.status = 503}, {.status = 429}, {.status = 200}, {.status = 400}, {.status = 200}});
  const auto refused = counted(R"(tenantry_trace_spans_dropped_total{reason="refused"})");
  {
    TraceExporter exporter({.url = receiver.url()}, {}, quick);
    exporter.start();
    make(1);
    const auto first = receiver.await(3);
    ASSERT_EQ(first.size(), 3u);
    EXPECT_EQ(first[0].body, first[2].body) << "the same batch, until it is taken";
    make(1);
    receiver.await(4);
    make(1);
    EXPECT_EQ(receiver.await(5).size(), 5u) << "what was refused does not come again";
  }
  EXPECT_EQ(counted(R"(tenantry_trace_spans_dropped_total{reason="refused"})"), refused + 1);
  for (const int status : {0, 429, 502, 503, 504}) EXPECT_EQ(judge(status), Delivery::again) << status;
  for (const int status : {301, 400, 401, 404, 500, 501}) EXPECT_EQ(judge(status), Delivery::refused) << status;
}

TEST_F(Exporting, APartThatWasRejectedIsCountedAndNotSentAgain) {
  Receiver receiver(Answers{{.status = 200, .body = std::string(as_text(*from_hex("0a020802")))}, {.status = 200}});
  const auto rejected = counted(R"(tenantry_trace_spans_dropped_total{reason="rejected"})");
  {
    TraceExporter exporter({.url = receiver.url()}, {}, quick);
    exporter.start();
    make(2);
    receiver.await(1);
    make(1);
    EXPECT_EQ(receiver.await(2).size(), 2u);
  }
  EXPECT_EQ(counted(R"(tenantry_trace_spans_dropped_total{reason="rejected"})"), rejected + 2);
}

TEST_F(Exporting, AReceiverThatIsAwayCostsSpansOnly) {
  const auto lost = counted(R"(tenantry_trace_spans_dropped_total{reason="process_ended"})");
  {
    TraceExporter exporter({.url = "http://127.0.0.1:1"}, {}, quick);
    exporter.start();
    make(3);
  }
  EXPECT_EQ(counted(R"(tenantry_trace_spans_dropped_total{reason="process_ended"})"), lost + 3);
}

TEST(TraceSettings, AreCheckedAtTheStart) {
  config::Reader reader(config::Environment{{"TENANTRY_TRACES_URL", "collector:4318"},
                                            {"TENANTRY_TRACES_FORMAT", "xml"},
                                            {"TENANTRY_TRACES_PERCENT", "101"}});
  read_trace_settings(reader);
  ASSERT_FALSE(reader.finish());
  EXPECT_EQ(reader.finish().error().fields.size(), 3u);
  config::Reader good(config::Environment{{"TENANTRY_TRACES_URL", "http://collector:4318/"}});
  const auto settings = read_trace_settings(good);
  EXPECT_TRUE(good.finish());
  EXPECT_EQ(settings.url, "http://collector:4318");
  EXPECT_EQ(settings.share, 0.01);
}

}  // namespace
}  // namespace tenantry::service::trace_exporter_test
