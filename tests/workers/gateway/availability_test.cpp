// Goal: what is counted of requests, and what an error budget makes of it.
// Method: requests of a few hours; the budget at its edges.
#include "workers/gateway/edge/availability.h"

#include <gtest/gtest.h>

namespace tenantry::gateway::availability_test {
namespace {

const Timestamp noon = from_unix_seconds(1'800'000'000 / 3'600 * 3'600);

TEST(Availability, CountsByTenantAndHour) {
  Availability served;
  served.note("acme", noon + Seconds{5}, 200, Milliseconds{10});
  served.note("acme", noon + Seconds{6}, 404, Milliseconds{251});
  served.note("acme", noon + Seconds{7}, 503, Milliseconds{250});
  served.note("acme", noon + Seconds{3'600}, 200, Milliseconds{10});
  served.note("", noon, 500, Milliseconds{10});
  const auto taken = served.take();
  ASSERT_EQ(taken.size(), 3u);
  EXPECT_EQ(taken[0].tenant_id, "acme");
  EXPECT_EQ(taken[0].hour, noon);
  EXPECT_EQ(taken[0].requests, 3);
  EXPECT_EQ(taken[0].failed, 1) << "what a caller did wrong is served";
  EXPECT_EQ(taken[0].slow, 1);
  EXPECT_EQ(taken[1].hour, noon + Seconds{3'600});
  EXPECT_EQ(taken[2].tenant_id, "platform");
  EXPECT_TRUE(served.take().empty());
  served.give_back(taken);
  served.note("acme", noon, 200, Milliseconds{1});
  EXPECT_EQ(served.take()[0].requests, 4) << "what could not be written is not lost";
}

TEST(Availability, IsBounded) {
  Availability served;
  for (std::size_t i = 0; i < Availability::cells_max + 10; ++i) {
    served.note("t" + std::to_string(i), noon, 200, Milliseconds{1});
  }
  const auto taken = served.take();
  EXPECT_LE(taken.size(), Availability::cells_max + 1);
  std::int64_t requests = 0;
  for (const auto& each : taken) requests += each.requests;
  EXPECT_EQ(requests, static_cast<std::int64_t>(Availability::cells_max) + 10);
}

TEST(Availability, ABudgetIsWhatMayFail) {
  EXPECT_EQ(budget_left(0, 0), 1);
  EXPECT_EQ(budget_left(10'000, 0), 1);
  EXPECT_NEAR(budget_left(10'000, 1), 0.8, 1e-9);
  EXPECT_NEAR(budget_left(10'000, 5), 0, 1e-9);
  EXPECT_NEAR(budget_left(10'000, 10), -1, 1e-9);
}

}  // namespace
}  // namespace tenantry::gateway::availability_test
