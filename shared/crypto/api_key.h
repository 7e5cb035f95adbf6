// API keys as they are written: tnk_<public id>_<secret>_<checksum>.
//
// The prefix makes a leak findable, the checksum (CRC-32, no security) tells a typing error from a key without asking
// anybody, the public id is what a key is found by, and of the secret (256 random bits) only a hash is kept. Pure, but
// for new_*; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/crypto/hash.h"

namespace tenantry::crypto {

struct ApiKeyText {
  std::string public_id;  // 8 digits and letters
  std::string secret;     // 43 letters of base64url
};

bool looks_like_api_key(std::string_view text);  // its prefix alone
std::optional<ApiKeyText> parse_api_key(std::string_view text);
std::string write_api_key(const ApiKeyText& key);
std::string api_key_prefix(std::string_view public_id);  // "tnk_4fT0Zq8b": what is shown of a key

std::string new_api_key_public_id();
std::string new_api_key_secret();
Digest api_key_hash(std::string_view secret);

std::uint32_t crc32(std::string_view text);  // as in ISO 3309, zip and PNG

}  // namespace tenantry::crypto
