#include "shared/messaging/shard.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tenantry::messaging::shard_test {
namespace {

constexpr int tenants = 1'000;

std::string tenant(int i) {
  return "tenant-" + std::to_string(i);
}

int owner(const std::string& tenant_id, int count) {
  int found = -1;
  for (int index = 0; index < count; ++index) {
    if (!Shard{index, count}.serves(tenant_id)) continue;
    EXPECT_EQ(found, -1) << tenant_id << " has two owners";
    found = index;
  }
  EXPECT_NE(found, -1) << tenant_id << " has no owner";
  return found;
}

TEST(Shard, EachTenantHasOneOwnerAndEachReplicaItsShare) {
  for (const int count : {1, 2, 3, 7}) {
    std::vector<int> shares(static_cast<std::size_t>(count));
    for (int i = 0; i < tenants; ++i) ++shares[static_cast<std::size_t>(owner(tenant(i), count))];
    for (const int share : shares) {
      EXPECT_GT(share, tenants / count * 8 / 10) << count;
      EXPECT_LE(share, tenants / count * 12 / 10 + 1) << count;
    }
  }
}

TEST(Shard, NewReplicaTakesTenantsAndMovesNoOthers) {
  int moved = 0;
  for (int i = 0; i < tenants; ++i) {
    const int before = owner(tenant(i), 3);
    const int after = owner(tenant(i), 4);
    if (before == after) continue;
    EXPECT_EQ(after, 3) << tenant(i);
    ++moved;
  }
  EXPECT_NEAR(moved, tenants / 4, tenants / 20);
}

TEST(Shard, IsReadFromText) {
  const auto second = Shard::parse("2/3");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->index, 1);
  EXPECT_EQ(second->count, 3);
  for (const char* text : {"", "1", "0/2", "3/2", "-1/2", "1/0", "1/2/3", "a/b", "1/99999", " 1/2"}) {
    EXPECT_FALSE(Shard::parse(text)) << text;
  }
}

}  // namespace
}  // namespace tenantry::messaging::shard_test
