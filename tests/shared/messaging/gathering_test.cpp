// Goal: batches wait for company under load, and only then.
// Method: a story of arrivals on times of its own; rows of what is company enough.
#include "shared/messaging/gathering.h"

#include <gtest/gtest.h>

namespace tenantry::messaging::gathering_test {
namespace {

constexpr std::size_t batch_max = 500, turn_max = 31;
constexpr Milliseconds at_once{0};

class GatheringTest : public ::testing::Test {
 protected:
  // So many events a second for a while, a batch every five milliseconds. What the last of them was allowed to wait.
  Milliseconds load(std::size_t rate, Milliseconds span) {
    auto patience = at_once;
    for (Milliseconds past{0}; past < span; past += Milliseconds{5}) {
      gathering.arrived(rate / 200);
      now += Milliseconds{5};
      patience = gathering.patience(now);
    }
    return patience;
  }

  Gathering::Time now{};
  Gathering gathering{batch_max, turn_max, now};
};

TEST_F(GatheringTest, LittleLoadNeverWaits) {
  EXPECT_EQ(load(1'000, Milliseconds{2'000}), at_once);
}

TEST_F(GatheringTest, LoadWaitsOnceItHasLasted) {
  EXPECT_EQ(load(6'000, Gathering::rate_span - Milliseconds{5}), at_once);
  EXPECT_EQ(load(6'000, Milliseconds{5}), Gathering::patience_max);
  EXPECT_EQ(load(6'000, Milliseconds{1'000}), Gathering::patience_max);
}

TEST_F(GatheringTest, WaitsNoMoreOnceTheLoadIsOver) {
  load(6'000, Milliseconds{1'000});
  EXPECT_EQ(load(1'000, Milliseconds{500}), at_once);
}

TEST_F(GatheringTest, FirstEventsAfterARestDoNotWait) {
  load(6'000, Milliseconds{1'000});
  now += Milliseconds{10'000};
  EXPECT_EQ(load(6'000, Milliseconds{5}), at_once);
}

TEST_F(GatheringTest, BatchesOfOneNeverWait) {
  Gathering alone{1, 1, now};
  alone.arrived(100'000);
  EXPECT_EQ(alone.patience(now + Milliseconds{300}), at_once);
}

TEST_F(GatheringTest, WhatIsEnough) {
  struct Row {
    std::size_t events, tenants, fullest;
    bool enough;
  };
  for (const auto& row : {Row{15, 3, 7, false}, Row{23, 3, 9, false}, Row{24, 3, 9, true}, Row{8, 1, 8, true},
                          Row{499, 100, 30, false}, Row{500, 100, 5, true}, Row{40, 10, 31, true}}) {
    EXPECT_EQ(gathering.is_enough(row.events, row.tenants, row.fullest), row.enough)
        << row.events << " of " << row.tenants << ", " << row.fullest;
  }
}

}  // namespace
}  // namespace tenantry::messaging::gathering_test
