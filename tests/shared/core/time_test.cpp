#include "shared/core/time.h"

#include <gtest/gtest.h>

namespace tenantry::time_test {
namespace {

TEST(Rfc3339, ReadsEveryLegalForm) {
  const auto expected = from_unix_seconds(1736937000);  // 2025-01-15T10:30:00Z
  for (const char* text : {"2025-01-15T10:30:00Z", "2025-01-15t10:30:00z", "2025-01-15T11:30:00+01:00",
                           "2025-01-15T10:30:00.000Z", "2025-01-15 05:00:00-05:30"}) {
    const auto at = from_rfc3339(text);
    ASSERT_TRUE(at) << text;
    EXPECT_EQ(*at, expected) << text;
  }
}

TEST(Rfc3339, PrintsMicroseconds) {
  const auto at = from_rfc3339("2025-01-15T10:30:00.1234567Z");
  ASSERT_TRUE(at);
  EXPECT_EQ(to_rfc3339(*at), "2025-01-15T10:30:00.123456Z");
  EXPECT_EQ(to_rfc3339(from_unix_seconds(0)), "1970-01-01T00:00:00Z");
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
  for (const char* text : {"", "2025-02-30T00:00:00Z", "2025-01-15", "2025-01-15T10:30:00", "2025-01-15T25:00:00Z",
                           "2025-01-15T10:30:00Zx", "2025-1-15T10:30:00Z", "2025-01-15T10:30:00.Z", "1e9"}) {
    EXPECT_FALSE(from_rfc3339(text)) << text;
  }
}

// What is read can be printed, stored and read again: the bounds hold for the instant, not for the text's own year.
TEST(Rfc3339, ReadsWhatItCanPrintAgain) {
  for (const char* text : {"1970-01-01T00:00:00Z", "1969-12-31T23:59:59-00:01", "9999-12-31T23:59:59.999999Z",
                           "9999-12-31T23:59:59.9999999+00:00", "9999-12-31T23:58:60Z", "9999-12-31T23:59:59+23:59"}) {
    const auto at = from_rfc3339(text);
    ASSERT_TRUE(at) << text;
    const auto again = from_rfc3339(to_rfc3339(*at));
    ASSERT_TRUE(again) << text;
    EXPECT_EQ(*again, *at) << text;
  }
  EXPECT_EQ(to_rfc3339(timestamp_min), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(timestamp_max), "9999-12-31T23:59:59.999999Z");
  for (const char* text :
       {"9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:60Z", "1970-01-01T00:00:00+00:01",
        "1970-01-01T00:00:00+23:59", "1969-12-31T23:59:59.999999Z", "0000-01-01T00:00:00Z"}) {
    EXPECT_FALSE(from_rfc3339(text)) << text;
  }
}

TEST(Windows, StartAtTheUtcHourDayAndMonth) {
  const auto at = *from_rfc3339("2024-12-31T23:59:59.999999Z");
  EXPECT_EQ(to_rfc3339(floor_hour(at)), "2024-12-31T23:00:00Z");
  EXPECT_EQ(to_rfc3339(floor_day(at)), "2024-12-31T00:00:00Z");
  EXPECT_EQ(to_rfc3339(floor_month(at)), "2024-12-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(next_month(at)), "2025-01-01T00:00:00Z");
}

}  // namespace
}  // namespace tenantry::time_test
