// Goal: what is kept of a trace, and that nothing grows beyond its limit.
// Method: the tracer of this process, switched on for a test.
#include "shared/telemetry/trace.h"

#include <gtest/gtest.h>

#include "shared/core/bytes.h"
#include "shared/telemetry/metrics.h"

namespace tenantry::tracing::trace_test {
namespace {

constexpr std::size_t everything = 1UL << 30;

class Traces : public testing::Test {
 protected:
  void SetUp() override { on({.share = 1}); }
  void TearDown() override { disable(); }
  void on(const Options& options) { enable(options, ids_); }
  static Span span_of(const Context& context, std::string name = "x") {
    return {.context = context, .name = std::move(name), .start = now(), .end = now()};
  }

 private:
  SystemClock clock_;
  SystemIdGenerator ids_{clock_};
};

TEST_F(Traces, TraceparentsAreReadStrictly) {
  const std::string good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  ASSERT_TRUE(parse_traceparent(good));
  EXPECT_EQ(parse_traceparent(good)->traceparent(), good);
  for (const auto* bad : {"", "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                          "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                          "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                          "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                          "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
                          "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x"}) {
    EXPECT_FALSE(parse_traceparent(bad)) << bad;
  }
}

TEST_F(Traces, ChildrenShareTheTrace) {
  const auto root = new_root();
  EXPECT_TRUE(root.sampled);
  const auto child = child_of(root);
  EXPECT_EQ(child.trace_id, root.trace_id);
  EXPECT_NE(child.span_id, root.span_id);
  const Context unsampled{root.trace_id, root.span_id, false};
  EXPECT_EQ(child_of(unsampled), unsampled) << "nobody sees the difference";
}

TEST_F(Traces, TheShareIsKeptAndAgreedOn) {
  on({.share = 0.1});
  int sampled = 0;
  int sampled_in_two_steps = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto root = new_root();
    EXPECT_EQ(root.sampled, head_sampled(root.trace_id));
    sampled += root.sampled ? 1 : 0;
    const auto in_two_steps = sampled_root().value_or(unsampled_root());
    EXPECT_EQ(in_two_steps.sampled, head_sampled(in_two_steps.trace_id));
    sampled_in_two_steps += in_two_steps.sampled ? 1 : 0;
  }
  EXPECT_GT(sampled, 800);
  EXPECT_LT(sampled, 1'200);
  EXPECT_GT(sampled_in_two_steps, 800);
  EXPECT_LT(sampled_in_two_steps, 1'200);
  on({.share = 0});
  EXPECT_FALSE(new_root().sampled);
}

TEST_F(Traces, FailuresAndWhatIsSlowAreKeptUnsampled) {
  const Context unsampled{new_root().trace_id, new_root().span_id, false};
  EXPECT_TRUE(wanted(unsampled, "a", Microseconds{100}, true));
  EXPECT_FALSE(wanted(unsampled, "a", Seconds{10}, false)) << "nothing to compare with yet";
  for (int i = 0; i < 2'000; ++i) wanted(unsampled, "a", Microseconds{900 + i % 100}, false);
  EXPECT_FALSE(wanted(unsampled, "a", Microseconds{950}, false));
  EXPECT_TRUE(wanted(unsampled, "a", Milliseconds{50}, false));
  EXPECT_FALSE(wanted(unsampled, "b", Milliseconds{50}, false)) << "each name has its own";
  auto span = span_of(unsampled);
  span.parent = unsampled.span_id;
  finish(span);
  const auto taken = take(10, everything);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_NE(taken[0].context.span_id, unsampled.span_id) << "a span of its own";
}

TEST_F(Traces, AQueueThatNobodyEmptiesDropsAndCounts) {
  on({.share = 1, .spans_per_second_max = 1e9, .queue_max = 3});
  for (int i = 0; i < 5; ++i) finish(span_of(new_root(), std::to_string(i)));
  EXPECT_EQ(waiting(), 3u);
  EXPECT_EQ(take(2, everything).size(), 2u);
  EXPECT_EQ(take(2, everything).front().name, "2") << "the oldest stay";
  EXPECT_NE(metrics::render().find(R"(tenantry_trace_spans_dropped_total{reason="queue_full"} 2)"), std::string::npos);
}

TEST_F(Traces, AFloodIsCutToItsRate) {
  on({.share = 1, .spans_per_second_max = 10});
  for (int i = 0; i < 1'000; ++i) finish(span_of(new_root()));
  EXPECT_LE(waiting(), 20u);
  EXPECT_GE(waiting(), 10u);
}

TEST_F(Traces, WhatWouldBeDroppedIsNotWantedAndCounts) {
  on({.share = 1, .spans_per_second_max = 1e9, .queue_max = 1});
  const auto dropped = [] {
    const auto text = metrics::render();
    constexpr std::string_view series = R"(tenantry_trace_spans_dropped_total{reason="queue_full"} )";
    const auto at = text.find(series);
    return at == text.npos ? 0 : std::stoi(text.substr(at + series.size()));
  };
  const int before = dropped();
  EXPECT_TRUE(wanted(new_root(), "a", Microseconds{1}, false));
  finish(span_of(new_root()));
  EXPECT_FALSE(wanted(new_root(), "a", Microseconds{1}, false));
  EXPECT_EQ(dropped(), before + 1);
  (void)take(1, everything);
  EXPECT_TRUE(wanted(new_root(), "a", Microseconds{1}, false));
}

TEST_F(Traces, ASpanHasLimits) {
  auto span = span_of(new_root());
  for (int i = 0; i < 40; ++i) span.attributes.push_back({"k" + std::to_string(i), std::int64_t{i}});
  for (int i = 0; i < 10; ++i) span.links.push_back(new_root());
  std::string text(value_size_max - 1, 'a');
  span.attributes[0].value = text + "é";
  finish(span);
  const auto kept = take(1, everything).front();
  EXPECT_EQ(kept.attributes.size(), attributes_max);
  EXPECT_EQ(kept.attributes_dropped, 8u);
  EXPECT_EQ(kept.links.size(), links_max);
  EXPECT_EQ(kept.links_dropped, 2u);
  EXPECT_EQ(std::get<std::string>(kept.attributes[0].value), text) << "no half a letter";
}

TEST_F(Traces, WhatFollowsFromAnEventHangsAtItsSpan) {
  struct One final : Causes {
    Uuid event_id{{1}};
    Context context = new_root();
    const Context* find(const Uuid& asked) override { return asked == event_id ? &context : nullptr; }
  } one;
  EXPECT_EQ(of_cause(one.event_id), nullptr);
  {
    const CauseScope scope(one);
    EXPECT_EQ(of_cause(one.event_id), &one.context);
    EXPECT_EQ(of_cause(Uuid{{2}}), nullptr);
  }
  EXPECT_EQ(of_cause(one.event_id), nullptr);
}

TEST_F(Traces, WhatAThreadIsAboutNestsAndEnds) {
  const auto outer = new_root();
  {
    const Scope scope(outer);
    {
      const Scope inner(new_root());
      EXPECT_NE(current(), outer);
    }
    EXPECT_EQ(current(), outer);
    { ClientCall call("call", {}); }
  }
  EXPECT_FALSE(current());
  { ClientCall call("of nothing", {}); }
  const auto taken = take(10, everything);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].parent, outer.span_id);
}

TEST_F(Traces, NothingIsMadeWhileItIsOff) {
  disable();
  const std::optional<Context> some = parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  const Scope scope(some);
  { ClientCall call("call", {}); }
  finish(span_of(*some));
  EXPECT_FALSE(wanted(*some, "a", Seconds{1}, true));
  EXPECT_FALSE(head_sampled(some->trace_id));
}

}  // namespace
}  // namespace tenantry::tracing::trace_test
