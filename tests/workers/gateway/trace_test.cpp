// Goal: whose trace a request belongs to.
// Method: what callers may send, from a trusted proxy and from the public side.
#include "workers/gateway/edge/trace.h"

#include <gtest/gtest.h>

#include "shared/telemetry/trace.h"

namespace tenantry::gateway::trace_test {
namespace {

const std::string theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(Trace, AProxysIsContinuedAndAStrangersIsNot) {
  SystemClock clock;
  SystemIdGenerator ids(clock);
  const auto continued = traceparent(theirs, true, ids);
  EXPECT_EQ(trace_id_of(continued), trace_id_of(theirs));
  EXPECT_NE(continued, theirs) << "a span of its own";
  EXPECT_TRUE(continued.ends_with("-01"));
  const auto fresh = traceparent(theirs, false, ids);
  EXPECT_NE(trace_id_of(fresh), trace_id_of(theirs));
  EXPECT_TRUE(fresh.ends_with("-00")) << "nobody outside says what is sampled";
  EXPECT_TRUE(tracing::parse_traceparent(traceparent("junk", true, ids)));
}

TEST(Trace, NewOnesAreSampledByTheirShare) {
  SystemClock clock;
  SystemIdGenerator ids(clock);
  tracing::enable({.share = 1}, ids);
  EXPECT_TRUE(traceparent("", false, ids).ends_with("-01"));
  tracing::disable();
  EXPECT_TRUE(traceparent("", false, ids).ends_with("-00"));
}

}  // namespace
}  // namespace tenantry::gateway::trace_test
