#include "shared/core/money.h"

#include <gtest/gtest.h>

namespace tenantry {
namespace {

TEST(Money, PrintsTheCurrencysOwnDecimals) {
  EXPECT_EQ((Money{4900, "EUR"}.to_string()), "49.00 EUR");
  EXPECT_EQ((Money{-5, "EUR"}.to_string()), "-0.05 EUR");
  EXPECT_EQ((Money{500, "JPY"}.to_string()), "500 JPY");
}

}  // namespace
}  // namespace tenantry
