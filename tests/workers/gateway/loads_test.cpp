#include "workers/gateway/edge/loads.h"

#include <gtest/gtest.h>

namespace tenantry::gateway::loads_test {
namespace {

TEST(Loads, OneReadsForAll) {
  Loads<int> loads;
  EXPECT_TRUE(loads.begin("token", "acme"));
  loads.wait("token", 1);
  EXPECT_FALSE(loads.begin("token", "acme"));
  loads.wait("token", 2);
  EXPECT_EQ(loads.finish("token"), (std::vector<int>{1, 2}));
  EXPECT_TRUE(loads.begin("token", "acme"));
}

// A suspension that comes while the tenant is being read: whoever asks after it must not get what was read before.
TEST(Loads, AreOutdatedByAChangeOfTheirTenantOnly) {
  Loads<int> loads;
  EXPECT_TRUE(loads.begin("one", "acme"));
  EXPECT_TRUE(loads.begin("two", "beta"));
  loads.outdate_tenant("acme");
  EXPECT_TRUE(loads.outdated("one"));
  EXPECT_FALSE(loads.outdated("two"));
  EXPECT_FALSE(loads.awaited("one"));
  loads.wait("one", 1);
  EXPECT_TRUE(loads.awaited("one"));
  loads.again("one");
  EXPECT_FALSE(loads.outdated("one"));
  loads.outdate("two");
  EXPECT_TRUE(loads.outdated("two"));
  loads.outdate("three");
  EXPECT_EQ(loads.finish("one"), std::vector<int>{1});
}

}  // namespace
}  // namespace tenantry::gateway::loads_test
