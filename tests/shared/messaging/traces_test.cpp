// Goal: each publish and each handling is a span below the one that led to it.
// Method: rows and deliveries as the relay and a lane have them; the spans that are queued.
#include "shared/messaging/traces.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace tenantry::messaging::traces_test {
namespace {

class EventTraces : public testing::Test {
 protected:
  void SetUp() override { on({.share = 1}); }
  void TearDown() override { tracing::disable(); }

  static OutboxRow row_below(const std::optional<tracing::Context>& decided, std::string timer_key = {}) {
    OutboxRow row;
    row.id = Uuid{{1}};
    row.exchange = "acme.events";
    row.routing_key = row.type = "payment.failed";
    row.tenant_id = "acme";
    row.timer_key = std::move(timer_key);
    if (decided) row.headers["traceparent"] = decided->traceparent();
    return row;
  }
  static Arrival arrival(const std::string& traceparent, const std::string& user, std::uint8_t id = 1) {
    Arrival out;
    out.incoming.vhost = "tenant-acme";
    out.incoming.event.id = Uuid{{id}};
    out.incoming.event.type = "payment.failed";
    out.incoming.event.tenant_id = "acme";
    out.incoming.wire.exchange = "acme.events";
    out.incoming.wire.user_id = user;
    if (!traceparent.empty()) out.incoming.wire.headers["traceparent"] = traceparent;
    return out;
  }
  static tracing::Span publish(OutboxRow& row, PublishOutcome outcome = PublishOutcome::confirmed) {
    PublishTraces traces;
    traces.begin(row);
    traces.end(key_of(row), row, outcome);
    const auto spans = taken();
    return spans.empty() ? tracing::Span{} : spans.front();
  }
  static std::vector<tracing::Span> taken() { return tracing::take(100, 1UL << 20); }

  void on(const tracing::Options& options) { tracing::enable(options, ids_); }

  const std::string worker_ = "billing";

 private:
  SystemClock clock_;
  SystemIdGenerator ids_{clock_};
};

TEST_F(EventTraces, APublishIsBelowWhatDecidedAndTheHopBelowThePublish) {
  const auto decided = tracing::new_root();
  auto row = row_below(decided);
  const auto span = publish(row);
  EXPECT_EQ(span.name, "publish {tenant_id}.events:payment.failed") << "no tenant in a name";
  EXPECT_EQ(span.context.trace_id, decided.trace_id);
  EXPECT_EQ(span.parent, decided.span_id);
  EXPECT_EQ(row.headers["traceparent"], span.context.traceparent());
  EXPECT_EQ(span.error, "");
  EXPECT_EQ(publish(row, PublishOutcome::returned).error, "returned");
}

TEST_F(EventTraces, ATimerBeginsATraceThatIsLinked) {
  const auto decided = tracing::new_root();
  auto row = row_below(decided, "trial/acme");
  const auto span = publish(row);
  EXPECT_NE(span.context.trace_id, decided.trace_id);
  EXPECT_EQ(span.parent, tracing::SpanId{});
  ASSERT_EQ(span.links.size(), 1u);
  EXPECT_EQ(span.links[0], decided);
}

TEST_F(EventTraces, OfAnUnsampledTraceOnlyFailuresAreTold) {
  auto unsampled = tracing::new_root();
  unsampled.sampled = false;
  auto row = row_below(unsampled);
  EXPECT_EQ(publish(row).name, "");
  EXPECT_EQ(row.headers["traceparent"], unsampled.traceparent());
  EXPECT_EQ(publish(row, PublishOutcome::unpublishable).error, "unpublishable");
}

TEST_F(EventTraces, HandlingIsBelowTheHopAndTheTransactionBelowTheFirst) {
  const auto hop = tracing::new_root();
  const auto other = tracing::new_root();
  const std::vector<Arrival> batch{arrival(hop.traceparent(), "tenantry-publisher", 1),
                                   arrival(other.traceparent(), "tenantry-publisher", 2)};
  {
    BatchTrace trace(worker_, batch);
    ASSERT_NE(trace.find(Uuid{{1}}), nullptr);
    EXPECT_EQ(*trace.find(Uuid{{1}}), trace.of(batch[0]));
    trace.transaction({&batch[0], &batch[1]}, tracing::now(), "");
    trace.failed(batch[1], Error{.code = Errc::timeout});
    trace.settled();
  }
  const auto spans = taken();
  ASSERT_EQ(spans.size(), 3u);
  EXPECT_EQ(spans[1].parent, hop.span_id);
  EXPECT_EQ(spans[1].context.trace_id, hop.trace_id);
  EXPECT_EQ(spans[1].name, "process {tenant_id}.events:payment.failed");
  EXPECT_EQ(spans[2].error, "timeout");
  EXPECT_EQ(spans[0].name, "transaction");
  EXPECT_EQ(spans[0].parent, spans[1].context.span_id);
  ASSERT_EQ(spans[0].links.size(), 1u) << "fan-in";
  EXPECT_EQ(spans[0].links[0], spans[2].context);
}

TEST_F(EventTraces, WhatAnApplicationSaysIsLinkedAndNotContinued) {
  const auto theirs = tracing::new_root();
  for (const std::string user : {"tenant-acme", "tenant-acme.2", ""}) {
    const std::vector<Arrival> batch{arrival(theirs.traceparent(), user)};
    {
      BatchTrace trace(worker_, batch);
      trace.settled();
    }
    const auto spans = taken();
    ASSERT_EQ(spans.size(), 1u);
    EXPECT_NE(spans[0].context.trace_id, theirs.trace_id) << user;
    ASSERT_EQ(spans[0].links.size(), 1u);
    EXPECT_EQ(spans[0].links[0], theirs);
  }
}

TEST_F(EventTraces, WhatWasGivenBackIsNotTold) {
  const std::vector<Arrival> batch{arrival(tracing::new_root().traceparent(), "tenantry-publisher")};
  { const BatchTrace trace(worker_, batch); }
  EXPECT_TRUE(taken().empty());
}

TEST_F(EventTraces, OfEventsThatNobodySamplesThereIsATraceForWhoAsks) {
  on({.share = 0});
  auto hop = tracing::new_root();
  const auto theirs = tracing::new_root();
  std::vector<Arrival> batch;
  for (std::uint8_t id = 50; id > 0; --id) batch.push_back(arrival("", "tenant-acme", id));
  batch.push_back(arrival(hop.traceparent(), "tenantry-publisher", 51));
  batch.push_back(arrival(theirs.traceparent(), "tenant-acme", 52));
  batch.push_back(arrival("", "tenant-acme", 7));  // a twin
  {
    BatchTrace trace(worker_, batch);
    std::set<std::string> different;
    for (std::uint8_t id = 1; id <= 52; ++id) {
      const auto* context = trace.find(Uuid{{id}});
      ASSERT_NE(context, nullptr);
      EXPECT_FALSE(context->sampled);
      EXPECT_EQ(trace.find(Uuid{{id}}), context) << "asked again";
      different.insert(context->traceparent());
    }
    EXPECT_EQ(different.size(), 52u);
    EXPECT_EQ(*trace.find(Uuid{{51}}), hop);
    EXPECT_EQ(trace.find(Uuid{{7}})->traceparent(), trace.of(batch[43])->traceparent());
    EXPECT_EQ(trace.find(Uuid{{99}}), nullptr);
    trace.transaction({&batch[0], &batch[1]}, tracing::now(), "");
    trace.failed(batch[51], Error{.code = Errc::timeout});
    trace.settled();
  }
  const auto spans = taken();
  ASSERT_EQ(spans.size(), 1u) << "the one that failed";
  EXPECT_EQ(spans[0].error, "timeout");
  ASSERT_EQ(spans[0].links.size(), 1u);
  EXPECT_EQ(spans[0].links[0], theirs);
}

TEST_F(EventTraces, OfABatchTheSampledOnesAreTold) {
  on({.share = 0.2, .spans_per_second_max = 10'000});
  const std::vector<Arrival> batch(1'000, arrival("", "tenant-acme"));
  {
    BatchTrace trace(worker_, batch);
    for (const auto& each : batch) EXPECT_TRUE(trace.of(each));  // asking changes no decision
    trace.settled();
  }
  std::size_t told = 0;
  for (auto spans = taken(); !spans.empty(); spans = taken()) told += spans.size();
  EXPECT_NEAR(static_cast<double>(told), 200, 80);
}

TEST_F(EventTraces, NothingIsMadeWhileTracingIsOff) {
  tracing::disable();
  const std::vector<Arrival> batch{arrival("", "tenant-acme")};
  BatchTrace trace(worker_, batch);
  EXPECT_FALSE(trace.of(batch[0]));
  EXPECT_EQ(trace.find(Uuid{{1}}), nullptr);
  trace.failed(batch[0], Error{.code = Errc::timeout});
  trace.settled();
}

TEST_F(EventTraces, NamesAreOursOnly) {
  EXPECT_EQ(destination_template("acme.app", "order.of-marie", "acme"), "{tenant_id}.app");
  EXPECT_EQ(destination_template("platform.events", "signup.requested", "acme"), "platform.events:signup.requested");
  EXPECT_EQ(destination_template("", "payment.failed", "acme"), "(queue):payment.failed");
}

}  // namespace
}  // namespace tenantry::messaging::traces_test
