#include "shared/core/money.h"

#include <gtest/gtest.h>

namespace tenantry::money_test {
namespace {

TEST(Money, PrintsTheCurrencysOwnDecimals) {
  EXPECT_EQ((Money{4900, "EUR"}.to_string()), "49.00 EUR");
  EXPECT_EQ((Money{-5, "EUR"}.to_string()), "-0.05 EUR");
  EXPECT_EQ((Money{500, "JPY"}.to_string()), "500 JPY");
}

// As Stripe sends them: three decimals where the currency has them, two for some that have none.
TEST(Money, PrintsWhatStripeMeans) {
  const auto shown = [](std::int64_t minor, const char* currency) { return Money{minor, currency}.to_string(); };
  EXPECT_EQ(shown(12'340, "KWD"), "12.340 KWD");
  EXPECT_EQ(shown(5, "BHD"), "0.005 BHD");
  EXPECT_EQ(shown(-5, "BHD"), "-0.005 BHD");
  EXPECT_EQ(shown(500'000, "UGX"), "5000 UGX");
  EXPECT_EQ(shown(150'000, "ISK"), "1500 ISK");
  EXPECT_EQ(shown(150'050, "ISK"), "1500.50 ISK");
  EXPECT_EQ(shown(4'900, "JPY"), "4900 JPY");
  EXPECT_EQ(shown(4'905, "EUR"), "49.05 EUR");
  EXPECT_EQ(shown(0, "EUR"), "0.00 EUR");
  EXPECT_EQ(shown(INT64_MIN, "EUR"), "-92233720368547758.08 EUR");
}

}  // namespace
}  // namespace tenantry::money_test
