#include "workers/gateway/edge/trace.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace tenantry::gateway {
namespace {

bool is_lower_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool all_zero(std::string_view text) {
  return text.find_first_not_of('0') == text.npos;
}

template <std::size_t n>
std::string random_hex(IdGenerator& ids) {
  std::array<std::uint8_t, n> bytes{};
  ids.random(bytes);
  bytes.back() |= 1;  // never all zeros
  return to_hex(bytes);
}

// "00-<32 hex>-<16 hex>-<2 hex>"
bool is_traceparent(std::string_view text) {
  return text.size() == 55 && text.starts_with("00-") && text[35] == '-' && text[52] == '-' &&
         is_lower_hex(text.substr(3, 32)) && is_lower_hex(text.substr(36, 16)) && is_lower_hex(text.substr(53)) &&
         !all_zero(text.substr(3, 32)) && !all_zero(text.substr(36, 16));
}

}  // namespace

std::string request_id(std::string_view given, IdGenerator& ids) {
  const bool usable = !given.empty() && given.size() <= 128 && std::ranges::all_of(given, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
  });
  return usable ? std::string(given) : ids.next().to_string();
}

std::string traceparent(std::string_view given, IdGenerator& ids) {
  const bool valid = is_traceparent(given);
  const std::string trace = valid ? std::string(given.substr(3, 32)) : random_hex<16>(ids);
  const std::string flags = valid ? std::string(given.substr(53)) : "01";
  return "00-" + trace + "-" + random_hex<8>(ids) + "-" + flags;
}

std::string_view trace_id_of(std::string_view traceparent) {
  return traceparent.substr(3, 32);
}

}  // namespace tenantry::gateway
