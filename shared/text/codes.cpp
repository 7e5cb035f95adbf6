#include "shared/text/codes.h"

#include <unicode/ucal.h>
#include <unicode/ucurr.h>

#include <algorithm>
#include <array>
#include <string>

namespace tenantry::text {
namespace {

std::u16string wide(std::string_view ascii) {
  return {ascii.begin(), ascii.end()};
}

}  // namespace

bool is_timezone(std::string_view name) {
  if (name == "UTC") return true;
  if (name.find('/') == name.npos || name.starts_with("SystemV/")) return false;
  if (!std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f; })) return false;
  std::array<UChar, 128> canonical{};
  UBool known = 0;
  UErrorCode status = U_ZERO_ERROR;
  const auto zone = wide(name);
  ucal_getCanonicalTimeZoneID(zone.data(), static_cast<int32_t>(zone.size()), canonical.data(),
                              static_cast<int32_t>(canonical.size()), &known, &status);
  return U_SUCCESS(status) && known != 0;
}

bool is_currency(std::string_view code) {
  if (code.size() != 3 || !std::ranges::all_of(code, [](char c) { return c >= 'A' && c <= 'Z'; })) return false;
  const auto today = ucal_getNow();
  UErrorCode status = U_ZERO_ERROR;
  return ucurr_isAvailable(wide(code).c_str(), today, today, &status) != 0 && U_SUCCESS(status);
}

}  // namespace tenantry::text
