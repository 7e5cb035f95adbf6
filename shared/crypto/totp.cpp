#include "shared/crypto/totp.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "shared/core/assert.h"
#include "shared/crypto/hash.h"

namespace tenantry::crypto {
namespace {

constexpr std::int64_t step_seconds = 30;
constexpr std::size_t code_digits = 6;
constexpr std::uint32_t code_modulus = 1'000'000;
constexpr std::int64_t steps_around = 1;
constexpr std::size_t recovery_code_size = 10;
constexpr std::string_view recovery_alphabet = "23456789abcdefghijkmnpqrstuvwxyz";
static_assert(recovery_alphabet.size() == 32);

// RFC 4648 section 6, without padding.
std::string base32(ByteView bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const auto byte : bytes) {
    bits = (bits << 8U) | byte;
    for (held += 8; held >= 5; held -= 5) out += alphabet[(bits >> static_cast<unsigned>(held - 5)) & 31U];
  }
  if (held > 0) out += alphabet[(bits << static_cast<unsigned>(5 - held)) & 31U];
  return out;
}

}  // namespace

Bytes make_totp_seed() {
  return random_bytes(totp_seed_size);
}

std::int64_t totp_step(Timestamp at) {
  return to_unix_seconds(at) / step_seconds;
}

std::string totp_code(ByteView seed, std::int64_t step) {
  std::array<std::uint8_t, 8> counter{};
  for (std::size_t i = 0; i < counter.size(); ++i) {
    counter[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(step) >> (56U - 8U * i));
  }
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  TENANTRY_ASSERT(HMAC(EVP_sha1(), seed.data(), static_cast<int>(seed.size()), counter.data(), counter.size(),
                       digest.data(), &size) != nullptr);
  TENANTRY_ASSERT(size == 20);
  const std::size_t at = digest[19] & 15U;  // RFC 4226 section 5.3
  const std::uint32_t number = (static_cast<std::uint32_t>(digest[at] & 127U) << 24U) |
                               (static_cast<std::uint32_t>(digest[at + 1]) << 16U) |
                               (static_cast<std::uint32_t>(digest[at + 2]) << 8U) | digest[at + 3];
  auto text = std::to_string(number % code_modulus);
  return std::string(code_digits - text.size(), '0') + text;
}

std::optional<std::int64_t> check_totp(ByteView seed, std::string_view code, Timestamp now, std::int64_t last_step) {
  std::optional<std::int64_t> found;
  const auto present = totp_step(now);
  for (auto step = present - steps_around; step <= present + steps_around; ++step) {
    const bool same = constant_time_equal(as_bytes(totp_code(seed, step)), as_bytes(code));
    if (same && step > last_step) found = step;
  }
  return found;
}

std::string totp_secret(ByteView seed) {
  return base32(seed);
}

std::string totp_uri(ByteView seed, std::string_view account, std::string_view issuer) {
  return "otpauth://totp/" + percent_encoded(issuer) + ":" + percent_encoded(account) + "?secret=" + totp_secret(seed) +
         "&issuer=" + percent_encoded(issuer);
}

std::vector<std::string> make_recovery_codes(std::size_t count) {
  std::vector<std::string> codes(count);
  for (auto& code : codes) {
    for (const auto byte : random_bytes(recovery_code_size)) code += recovery_alphabet[byte & 31U];
  }
  return codes;
}

std::string recovery_code_of(std::string_view typed) {
  std::string out;
  for (const char c : typed) {
    if (c != ' ' && c != '-') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

}  // namespace tenantry::crypto
