#include "shared/core/counted.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace tenantry::counted_test {
namespace {

TEST(Counted, IsOneOrMany) {
  EXPECT_EQ(counted(0, "event"), "0 events");
  EXPECT_EQ(counted(1, "event"), "1 event");
  EXPECT_EQ(counted(std::uint64_t{2}, "dead letter"), "2 dead letters");
  EXPECT_EQ(counted(-1, "day"), "-1 days");
}

}  // namespace
}  // namespace tenantry::counted_test
