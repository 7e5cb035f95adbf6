// One-time codes by time (RFC 6238, HMAC-SHA-1, six digits, thirty seconds), and the codes that help when the device is
// lost.
//
// Pure but for making seeds and codes; any thread. Who keeps a seed seals it; who keeps a recovery code hashes it as a
// password, since its 50 bits could be guessed from a fast hash.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/bytes.h"
#include "shared/core/time.h"

namespace tenantry::crypto {

constexpr std::size_t totp_seed_size = 20;

Bytes make_totp_seed();

// The number of thirty seconds since 1970, and the code of one of them.
std::int64_t totp_step(Timestamp at);
std::string totp_code(ByteView seed, std::int64_t step);

// The step of `code`, if it is of now, the one before or the one after (clocks differ), and later than the last one
// that was used: a code that was seen is of no use to who saw it.
std::optional<std::int64_t> check_totp(ByteView seed, std::string_view code, Timestamp now, std::int64_t last_step);

// What people type where there is no camera: base32.
std::string totp_secret(ByteView seed);

// What an authenticator's camera reads: otpauth://totp/...
std::string totp_uri(ByteView seed, std::string_view account, std::string_view issuer);

// Ten characters each, of an alphabet without letters that look alike.
std::vector<std::string> make_recovery_codes(std::size_t count);
// As they are compared: people type blanks, hyphens and capitals.
std::string recovery_code_of(std::string_view typed);

}  // namespace tenantry::crypto
