#include "shared/crypto/stripe_signature.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "shared/core/bytes.h"
#include "shared/crypto/hash.h"

namespace tenantry::crypto {
namespace {

constexpr std::size_t signatures_max = 16;
constexpr std::size_t timestamp_digits_max = 12;  // the year 33658; always fits 64 bits

Error signature_error(const char* reason, const char* message) {
  return {.code = Errc::invalid, .reason = reason, .message = message};
}

std::optional<std::int64_t> parse_decimal(std::string_view text) {
  if (text.empty() || text.size() > timestamp_digits_max) return {};
  std::int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return {};
    value = value * 10 + (c - '0');
  }
  return value;
}

std::string signature_of(std::string_view secret, std::string_view timestamp, std::string_view body) {
  std::string payload;
  payload.reserve(timestamp.size() + 1 + body.size());
  payload.append(timestamp).append(".").append(body);
  return to_hex(hmac_sha256(as_bytes(secret), as_bytes(payload)));
}

}  // namespace

Result<void> verify_stripe_signature(std::string_view header, std::string_view body,
                                     std::span<const std::string> secrets, Timestamp now, Seconds tolerance) {
  std::optional<std::string_view> timestamp;
  std::vector<std::string_view> signatures;
  for (std::string_view rest = header; !rest.empty();) {
    const auto item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    if (item.starts_with("t=")) {
      if (timestamp) return signature_error("signature_invalid", "the signature header names t twice");
      timestamp = item.substr(2);
    } else if (item.starts_with("v1=") && signatures.size() < signatures_max) {
      signatures.push_back(item.substr(3));
    }
  }
  const auto signed_at = timestamp ? parse_decimal(*timestamp) : std::nullopt;
  if (!signed_at) return signature_error("signature_invalid", "the signature header has no time");

  bool matches = false;
  for (const auto& secret : secrets) {
    if (secret.empty()) continue;  // an unset secret must not become a known one
    const auto expected = signature_of(secret, *timestamp, body);
    for (const auto signature : signatures) {
      matches |= constant_time_equal(as_bytes(expected), as_bytes(signature));
    }
  }
  if (!matches) return signature_error("signature_invalid", "no signature matches the body");

  const auto age = Seconds{to_unix_seconds(now) - *signed_at};
  if (age > tolerance || age < -tolerance) {
    return signature_error("signature_expired", "the signature's time is too far from now");
  }
  return {};
}

std::string sign_stripe(std::string_view secret, Timestamp at, std::string_view body) {
  const auto timestamp = std::to_string(to_unix_seconds(at));
  return "t=" + timestamp + ",v1=" + signature_of(secret, timestamp, body);
}

}  // namespace tenantry::crypto
