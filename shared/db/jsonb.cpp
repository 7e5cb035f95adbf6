#include "shared/db/jsonb.h"

#include <algorithm>
#include <cstddef>

namespace tenantry::db {
namespace {

constexpr std::ptrdiff_t whole_digits_max = 100'000;  // numeric: 131,072
constexpr std::ptrdiff_t scale_max = 16'383;          // numeric's own
constexpr std::ptrdiff_t exponent_max = 100'000;      // beyond, no number that a double can hold is meant
constexpr int depth_max = 500;                        // with max_stack_depth = 2MB some thousands

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Takes a number off the front; false where numeric could not hold it.
bool take_number(std::string_view& rest) {
  const auto digits = [&rest] {
    const auto end = std::ranges::find_if_not(rest, is_digit);
    const auto count = end - rest.begin();
    rest.remove_prefix(static_cast<std::size_t>(count));
    return count;
  };
  if (rest.front() == '-') rest.remove_prefix(1);
  const auto whole = digits();
  std::ptrdiff_t fraction = 0;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    fraction = digits();
  }
  std::ptrdiff_t exponent = 0;
  if (rest.starts_with('e') || rest.starts_with('E')) {
    rest.remove_prefix(1);
    const bool negative = rest.starts_with('-');
    if (negative || rest.starts_with('+')) rest.remove_prefix(1);
    for (; !rest.empty() && is_digit(rest.front()); rest.remove_prefix(1)) {
      exponent = std::min(exponent * 10 + (rest.front() - '0'), exponent_max + 1);
    }
    if (exponent > exponent_max) return false;
    if (negative) exponent = -exponent;
  }
  return whole + exponent <= whole_digits_max && fraction - exponent <= scale_max;
}

// Takes a string off the front, quotes and all; false where it holds U+0000.
bool take_string(std::string_view& rest) {
  rest.remove_prefix(1);
  while (!rest.empty() && rest.front() != '"') {
    if (rest.starts_with("\\u0000")) return false;
    rest.remove_prefix(rest.front() == '\\' ? std::min<std::size_t>(2, rest.size()) : 1);
  }
  rest.remove_prefix(std::min<std::size_t>(1, rest.size()));
  return true;
}

}  // namespace

bool fits_jsonb(std::string_view json) {
  int depth = 0;
  while (!json.empty()) {
    const char c = json.front();
    if (c == '"') {
      if (!take_string(json)) return false;
    } else if (c == '-' || is_digit(c)) {
      if (!take_number(json)) return false;
    } else {
      if ((c == '{' || c == '[') && ++depth > depth_max) return false;
      if (c == '}' || c == ']') --depth;
      json.remove_prefix(1);
    }
  }
  return true;
}

}  // namespace tenantry::db
