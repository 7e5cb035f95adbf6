#include "shared/core/money.h"

#include <array>
#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace tenantry {
namespace {

// Currencies without a minor unit (ISO 4217), as Stripe lists them.
constexpr std::array<std::string_view, 16> zero_decimal = {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA",
                                                           "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"};

}  // namespace

std::string Money::to_string() const {
  if (std::ranges::find(zero_decimal, currency) != zero_decimal.end()) return std::to_string(minor) + " " + currency;
  const std::int64_t size = std::abs(minor);
  std::string cents = std::to_string(size % 100);
  if (cents.size() == 1) cents = "0" + cents;
  return (minor < 0 ? "-" : "") + std::to_string(size / 100) + "." + cents + " " + currency;
}

}  // namespace tenantry
