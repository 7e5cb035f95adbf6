#include "shared/crypto/password.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "shared/core/assert.h"
#include "shared/core/bytes.h"
#include "shared/crypto/hash.h"
#include "shared/text/text.h"

namespace tenantry::crypto {
namespace {

constexpr unsigned long long passes = 2;
constexpr std::size_t memory_bytes = 19456UL * 1024UL;  // OWASP: 19 MiB with two passes

constexpr std::size_t characters_min = 8;
constexpr std::size_t characters_max = 128;
constexpr std::size_t bytes_max = 1024;

constexpr std::string_view common_passwords[] = {
#include "shared/crypto/common_passwords.inc"
};

void start_sodium() {
  static const bool started = sodium_init() >= 0;
  TENANTRY_ASSERT(started);
}

std::string lower_ascii(std::string_view text) {
  std::string lower{text};
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::size_t count_code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

// A word with a number, a year or a mark before or after it is still that word.
constexpr std::size_t decoration_max = 5;

std::string_view core_of(std::string_view password) {
  constexpr std::string_view decoration = "0123456789!?.,;:-_*+#$%&@ ";
  const auto first = password.find_first_not_of(decoration);
  if (first == password.npos) return password;
  const auto core = password.substr(first, password.find_last_not_of(decoration) - first + 1);
  return password.size() - core.size() <= decoration_max ? core : password;
}

}  // namespace

Result<std::string> hash_password(std::string_view typed) {
  start_sodium();
  const auto password = text::opaque_string(typed);
  std::array<char, crypto_pwhash_STRBYTES> hash{};
  const int failed = crypto_pwhash_str_alg(hash.data(), password.data(), password.size(), passes, memory_bytes,
                                           crypto_pwhash_ALG_ARGON2ID13);
  if (failed != 0) {
    return Error{.code = Errc::unavailable, .reason = "unavailable", .message = "no memory to hash a password"};
  }
  return std::string{hash.data()};
}

bool verify_password(const std::string& hash, std::string_view typed) {
  start_sodium();
  if (hash.size() >= crypto_pwhash_STRBYTES) return false;
  const auto verifies = [&](std::string_view password) {
    return crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;
  };
  const auto password = text::opaque_string(typed);
  return verifies(password) || (password != typed && verifies(typed));
}

bool needs_rehash(const std::string& hash) {
  start_sodium();
  return hash.size() >= crypto_pwhash_STRBYTES ||
         crypto_pwhash_str_needs_rehash(hash.c_str(), passes, memory_bytes) != 0;
}

const std::string& dummy_password_hash() {
  static const std::string hash = [] {
    auto made = hash_password(as_text(random_bytes(32)));
    TENANTRY_ASSERT(made);
    return std::move(*made);
  }();
  return hash;
}

Result<void> check_password_strength(std::string_view typed, std::span<const std::string> context,
                                     std::string_view pointer) {
  const auto refuse = [&](const char* rule, const char* detail) {
    return Error::invalid(std::string{pointer}, rule, detail);
  };
  if (typed.size() > bytes_max) return refuse("too_long", "a password has at most 1024 bytes");
  if (!is_utf8(typed)) return refuse("utf8", "a password is UTF-8 text");
  const auto password = text::opaque_string(typed);
  const auto characters = count_code_points(password);
  if (characters < characters_min) return refuse("too_short", "a password has at least 8 characters");
  if (characters > characters_max) return refuse("too_long", "a password has at most 128 characters");

  const auto lower = lower_ascii(password);
  const auto core = core_of(lower);
  const auto is_common = [](std::string_view word) {
    return std::ranges::find(common_passwords, word) != std::end(common_passwords);
  };
  if (is_common(lower) || is_common(core)) {
    return refuse("too_common", "this password is among the most common ones");
  }
  for (const auto& word : context) {
    const auto obvious = lower_ascii(word);
    if (obvious == lower || obvious == core)
      return refuse("too_obvious", "a password is not your own name, company or address");
  }
  return {};
}

}  // namespace tenantry::crypto
