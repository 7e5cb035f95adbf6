#include "shared/core/money.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace tenantry {
namespace {

// How many decimals an amount of Stripe's has, where it is not two: ISO 4217 has it otherwise here and there.
constexpr std::array<std::string_view, 15> zero_decimal = {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA",
                                                           "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"};
constexpr std::array<std::string_view, 5> three_decimal = {"BHD", "JOD", "KWD", "OMR", "TND"};
// These have no minor unit, but travel with two decimals, which are nought.
constexpr std::array<std::string_view, 2> whole_of_two = {"ISK", "UGX"};

template <std::size_t size>
bool has(const std::array<std::string_view, size>& currencies, std::string_view currency) {
  return std::ranges::find(currencies, currency) != currencies.end();
}

int decimals_of(const Money& money) {
  if (has(zero_decimal, money.currency)) return 0;
  return has(three_decimal, money.currency) ? 3 : 2;
}

}  // namespace

std::string Money::to_string() const {
  const int decimals = decimals_of(*this);
  // As text, for the least of all amounts has no absolute value.
  std::string digits = std::to_string(minor);
  const bool negative = digits.front() == '-';
  if (negative) digits.erase(0, 1);
  if (digits.size() <= static_cast<std::size_t>(decimals)) {
    digits.insert(0, static_cast<std::size_t>(decimals) + 1 - digits.size(), '0');
  }
  auto whole = digits.substr(0, digits.size() - static_cast<std::size_t>(decimals));
  const auto part = digits.substr(whole.size());
  const bool shown = decimals > 0 && !(has(whole_of_two, currency) && part == "00");
  return (negative ? "-" : "") + whole + (shown ? "." + part : "") + " " + currency;
}

}  // namespace tenantry
