#include "workers/metering/counting.h"

#include <gtest/gtest.h>

namespace tenantry::metering::counting_test {
namespace {

TEST(Crossings, AreReachedAtAndPassedBeyond) {
  EXPECT_EQ(crossings(79.9, 100), std::vector<int>{});
  EXPECT_EQ(crossings(80, 100), std::vector<int>{80});
  EXPECT_EQ(crossings(100, 100), (std::vector<int>{80, 100}));
  EXPECT_EQ(crossings(100.5, 100), (std::vector<int>{80, 100, percent_exceeded}));
  EXPECT_EQ(crossings(1e9, -1), std::vector<int>{});
}

// One event per past month must not mail anybody: 24 of them sent 73 mails to an address that nobody had confirmed.
TEST(Crossings, AreNewsUntilADayAfterTheirMonth) {
  const auto march = *from_rfc3339("2026-03-01T00:00:00Z");
  for (const char* now : {"2026-02-28T23:30:00Z", "2026-03-15T00:00:00Z", "2026-04-01T23:59:59Z"}) {
    EXPECT_TRUE(is_news(march, *from_rfc3339(now))) << now;
  }
  for (const char* now : {"2026-04-02T00:00:00Z", "2027-03-15T00:00:00Z"}) {
    EXPECT_FALSE(is_news(march, *from_rfc3339(now))) << now;
  }
}

}  // namespace
}  // namespace tenantry::metering::counting_test
