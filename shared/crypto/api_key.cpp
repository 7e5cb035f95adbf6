#include "shared/crypto/api_key.h"

#include <algorithm>
#include <array>

namespace tenantry::crypto {
namespace {

constexpr std::string_view prefix = "tnk_";
constexpr std::size_t public_id_size = 8;
constexpr std::size_t secret_bytes = 32;
constexpr std::size_t secret_size = 43;  // in base64url
constexpr std::size_t checksum_size = 6;
constexpr std::size_t key_size = prefix.size() + public_id_size + 1 + secret_size + 1 + checksum_size;
constexpr std::string_view digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

std::string checksum_of(std::string_view text) {
  auto value = crc32(text);
  std::string out(checksum_size, digits.front());
  for (auto at = out.rbegin(); at != out.rend(); ++at) {
    *at = digits[value % digits.size()];
    value /= static_cast<std::uint32_t>(digits.size());
  }
  return out;
}

// What each byte makes of the rest: every request with a key is summed.
constexpr auto crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    auto value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1U) ^ ((value & 1U) != 0 ? 0xEDB88320U : 0U);
    table[byte] = value;
  }
  return table;
}();

}  // namespace

std::uint32_t crc32(std::string_view text) {
  std::uint32_t value = 0xFFFFFFFFU;
  for (const char c : text) value = (value >> 8U) ^ crc_table[(value ^ static_cast<std::uint8_t>(c)) & 0xFFU];
  return ~value;
}

bool looks_like_api_key(std::string_view text) {
  return text.starts_with(prefix);
}

std::optional<ApiKeyText> parse_api_key(std::string_view text) {
  if (text.size() != key_size || !looks_like_api_key(text)) return std::nullopt;
  const auto public_id = text.substr(prefix.size(), public_id_size);
  const auto secret = text.substr(prefix.size() + public_id_size + 1, secret_size);
  const auto summed = text.substr(0, key_size - checksum_size - 1);
  const bool whole = text[prefix.size() + public_id_size] == '_' && text[summed.size()] == '_' &&
                     public_id.find_first_not_of(digits) == public_id.npos && from_base64url(secret) &&
                     text.substr(summed.size() + 1) == checksum_of(summed);
  if (!whole) return std::nullopt;
  return ApiKeyText{std::string(public_id), std::string(secret)};
}

std::string write_api_key(const ApiKeyText& key) {
  const auto summed = api_key_prefix(key.public_id) + "_" + key.secret;
  return summed + "_" + checksum_of(summed);
}

std::string api_key_prefix(std::string_view public_id) {
  return std::string(prefix) + std::string(public_id);
}

std::string new_api_key_public_id() {
  constexpr std::uint8_t even = 256 / digits.size() * digits.size();  // beyond it some digits would come more often
  std::string out;
  while (out.size() < public_id_size) {
    for (const auto byte : random_bytes(public_id_size)) {
      if (byte < even && out.size() < public_id_size) out += digits[byte % digits.size()];
    }
  }
  return out;
}

std::string new_api_key_secret() {
  return to_base64url(random_bytes(secret_bytes));
}

Digest api_key_hash(std::string_view secret) {
  return sha256(as_bytes(secret));
}

}  // namespace tenantry::crypto
