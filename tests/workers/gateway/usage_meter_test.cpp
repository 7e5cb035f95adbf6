#include "workers/gateway/edge/usage_meter.h"

#include <gtest/gtest.h>

namespace tenantry::gateway::usage_meter_test {
namespace {

const Timestamp month = floor_month(from_unix_seconds(1'800'000'000));

TEST(UsageMeter, CallsAtOnceDoNotPassTheLimitTogether) {
  UsageMeter meter;
  int admitted = 0;
  for (int i = 0; i < 10; ++i) admitted += meter.admit("acme", 5, 2, month) ? 1 : 0;
  EXPECT_EQ(admitted, 3);
  meter.settle("acme", false);  // failed: its place is free again
  EXPECT_TRUE(meter.admit("acme", 5, 2, month));
}

TEST(UsageMeter, OwnCountAndTheDatabasesLateOneMeetAtTheHigher) {
  UsageMeter meter;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(meter.admit("acme", -1, 0, month));
    meter.settle("acme", true);
  }
  EXPECT_EQ(meter.used("acme", 2, month), 4);
  EXPECT_EQ(meter.used("acme", 9, month), 9);
  EXPECT_FALSE(meter.admit("acme", 4, 2, month));
  EXPECT_TRUE(meter.admit("acme", 4, 0, next_month(month)));
}

TEST(UsageMeter, TakesOnce) {
  const ManualClock clock(month);
  SystemIdGenerator ids(clock);
  UsageMeter meter;
  ASSERT_TRUE(meter.admit("acme", -1, 0, month));
  meter.settle("acme", true);
  const auto batches = meter.take(ids, month);
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_EQ(batches[0].calls, 1);
  EXPECT_FALSE(batches[0].key.empty());
  EXPECT_TRUE(meter.take(ids, month).empty());
}

}  // namespace
}  // namespace tenantry::gateway::usage_meter_test
