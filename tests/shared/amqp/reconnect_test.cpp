#include "shared/amqp/reconnect.h"

#include <gtest/gtest.h>

namespace tenantry::amqp::reconnect_test {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, DoublesUpToItsCapAndStartsOverAfterReset) {
  Backoff backoff([] { return 1.0; });
  for (const int expected : {100, 200, 400, 800, 1600, 3200, 6400, 10'000, 10'000}) {
    EXPECT_EQ(backoff.next(), milliseconds{expected});
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(backoff.next(), milliseconds{10'000});
  backoff.reset();
  EXPECT_EQ(backoff.next(), milliseconds{100});
}

TEST(Backoff, JitterReachesDownToZero) {
  Backoff backoff([] { return 0.0; });
  EXPECT_EQ(backoff.next(), milliseconds{0});
}

TEST(TokenBucket, AllowsItsBurstAndThenItsRate) {
  TokenBucket bucket(10, 3, milliseconds{1000});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.try_take(milliseconds{1000}));
  EXPECT_FALSE(bucket.try_take(milliseconds{1000}));
  EXPECT_EQ(bucket.wait(milliseconds{1000}), milliseconds{100});
  EXPECT_FALSE(bucket.try_take(milliseconds{1099}));
  EXPECT_TRUE(bucket.try_take(milliseconds{1100}));
  EXPECT_FALSE(bucket.try_take(milliseconds{500}));  // a clock that steps back gives nothing
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.try_take(milliseconds{99'000}));
  EXPECT_FALSE(bucket.try_take(milliseconds{99'000}));
}

}  // namespace
}  // namespace tenantry::amqp::reconnect_test
