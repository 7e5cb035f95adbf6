// Text forms of bytes: hex, base64 (RFC 4648 section 4) and base64url without
// padding (section 5). Decoding is strict: no white space, no foreign alphabet,
// no non-zero trailing bits, so one value has one text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"

namespace tenantry {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string to_hex(ByteView bytes);
Result<Bytes> from_hex(std::string_view text);  // either case

std::string to_base64(ByteView bytes);
Result<Bytes> from_base64(std::string_view text);

std::string to_base64url(ByteView bytes);
Result<Bytes> from_base64url(std::string_view text);

// For a segment or a query value of a URL: all but RFC 3986's unreserved characters become %xx.
std::string percent_encoded(std::string_view text);

// ASCII's capital letters made small, whatever the locale; all other bytes as they are.
std::string ascii_lower(std::string_view text);

// Whether `text` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

}  // namespace tenantry
