#include "workers/gateway/edge/cache.h"

#include <gtest/gtest.h>

namespace tenantry::gateway::cache_test {
namespace {

TEST(BoundedMap, ForgetsWhatIsNotAskedForAndKeepsWhatIs) {
  BoundedMap<int, int> map(100);
  map.put(0, 7);
  for (int i = 1; i <= 1'000; ++i) {
    map.put(i, i);
    ASSERT_NE(map.find(0), nullptr) << i;
    ASSERT_LE(map.size(), 100U);
  }
  EXPECT_EQ(*map.find(0), 7);
  EXPECT_EQ(*map.find(1'000), 1'000);
  EXPECT_EQ(map.find(1), nullptr);
  map.put(0, 8);
  EXPECT_EQ(*map.find(0), 8);
  map.erase(0);
  EXPECT_EQ(map.find(0), nullptr);
  map.clear();
  EXPECT_EQ(map.size(), 0U);
}

TEST(TtlCache, AgesBeforeItIsTooOld) {
  TtlCache<int> cache(Milliseconds{2'000});
  EXPECT_EQ(cache.find("acme", Milliseconds{0}).value, nullptr);
  cache.put("acme", 1, Milliseconds{0});
  EXPECT_FALSE(cache.find("acme", Milliseconds{999}).ages);
  EXPECT_TRUE(cache.find("acme", Milliseconds{1'000}).ages);
  EXPECT_EQ(*cache.find("acme", Milliseconds{1'999}).value, 1);
  EXPECT_EQ(cache.find("acme", Milliseconds{2'000}).value, nullptr);
  cache.put("acme", 2, Milliseconds{2'000});
  cache.drop("acme");
  EXPECT_EQ(cache.find("acme", Milliseconds{2'000}).value, nullptr);
}

}  // namespace
}  // namespace tenantry::gateway::cache_test
