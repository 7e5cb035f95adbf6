// Goal: a clock that follows another shows that one's time, not the machine's.
#include "shared/core/clock.h"

#include <gtest/gtest.h>

namespace tenantry::clock_test {
namespace {

constexpr Seconds slack{5};  // of a busy machine, between two lines of a test

TEST(SystemClock, ShowsTheMachinesTimeAndItsOffsetUntilItFollows) {
  SystemClock clock;
  clock.set_offset(Days{3});
  EXPECT_LT(clock.now() - std::chrono::system_clock::now(), Days{3} + slack);
  EXPECT_GT(clock.now() - std::chrono::system_clock::now(), Days{3} - slack);
}

TEST(SystemClock, ShowsWhatItFollowsAndGoesOnFromThere) {
  SystemClock clock;
  clock.set_offset(Days{3});
  const auto other = from_unix_seconds(1'800'000'000);
  clock.follow(other);
  const auto first = clock.now();
  EXPECT_GE(first, other);
  EXPECT_LT(first - other, slack);
  while (clock.now() == first) {
  }
  EXPECT_GT(clock.now(), first);
}

TEST(SystemClock, IsCorrectedByMoreThanItTakesToAsk) {
  SystemClock clock;
  const auto other = from_unix_seconds(1'800'000'000);
  clock.follow(other);
  clock.follow(clock.now() - SystemClock::follow_tolerance / 2);
  EXPECT_GE(clock.now(), other) << "a slow answer does not turn time back";
  clock.follow(other - Days{1});
  EXPECT_LT(clock.now(), other);
  clock.follow(other + Days{1});
  EXPECT_GE(clock.now(), other + Days{1});
}

}  // namespace
}  // namespace tenantry::clock_test
