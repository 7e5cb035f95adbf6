#include "workers/gateway/edge/networks.h"

#include <gtest/gtest.h>

namespace tenantry::gateway::networks_test {
namespace {

TEST(Networks, AreKeptWithoutWhatTheyDoNotSay) {
  EXPECT_EQ(network("192.0.2.7"), "192.0.2.7/32");
  EXPECT_EQ(network("192.0.2.7/24"), "192.0.2.0/24");
  EXPECT_EQ(network("10.255.1.1/9"), "10.128.0.0/9");
  EXPECT_EQ(network("0.0.0.0/0"), "0.0.0.0/0");
  EXPECT_EQ(network("2001:DB8::1/33"), "2001:db8::/33");
  EXPECT_EQ(network("2001:db8::1"), "2001:db8::1/128");
  EXPECT_EQ(network("::ffff:192.0.2.7"), "192.0.2.7/32");
  for (const char* bad : {"", "192.0.2", "192.0.2.7/33", "192.0.2.7/-1", "192.0.2.7/", "192.0.2.7/2x", "/24", "example",
                          "2001:db8::/129", "fe80::1%eth0", "192.0.2.7 ", "::ffff:192.0.2.0/120"}) {
    EXPECT_FALSE(network(bad)) << bad;
  }
}

TEST(Networks, HoldTheirAddressesAlone) {
  const std::vector<std::string> office = {"192.0.2.0/25", "2001:db8:1::/48"};
  for (const char* inside : {"192.0.2.0", "192.0.2.127", "::ffff:192.0.2.5", "2001:db8:1:ffff::1"}) {
    EXPECT_TRUE(in_networks(inside, office)) << inside;
  }
  for (const char* outside : {"192.0.2.128", "192.0.3.1", "2001:db8:2::1", "::ffff:192.0.2.200", "", "unknown"}) {
    EXPECT_FALSE(in_networks(outside, office)) << outside;
  }
  EXPECT_FALSE(in_networks("192.0.2.1", {}));
  EXPECT_TRUE(in_networks("203.0.113.9", {"0.0.0.0/0"}));
  EXPECT_FALSE(in_networks("2001:db8::1", {"0.0.0.0/0"}));
}

}  // namespace
}  // namespace tenantry::gateway::networks_test
