// Passkeys: what a browser sends when one is made and when one is used, verified as WebAuthn (level 3, section 7) says.
//
// ES256 and Ed25519, attestation "none": a person may register whatever key that person likes, so nobody has to vouch
// for it. Whose challenge it was, and that it is used once, is the caller's question. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/bytes.h"
#include "shared/core/result.h"

namespace tenantry::crypto {

constexpr std::size_t passkey_challenge_size = 32;

// What both have to be about.
struct PasskeyExpectation {
  Bytes challenge;
  std::string rp_id;                 // "console.example"
  std::vector<std::string> origins;  // "https://console.example"
  bool user_verified = false;        // whether the authenticator must have asked who it is
};

struct PasskeyKey {
  enum class Algorithm { es256 = -7, ed25519 = -8 };
  Algorithm algorithm = Algorithm::es256;
  Bytes public_key;  // of ES256 x and y, 64 bytes; of Ed25519 32
};

struct NewPasskey {
  Bytes credential_id;  // 1 to 1,023 bytes
  PasskeyKey key;
  std::uint32_t counter = 0;
};
// Errc::invalid, reason "passkey", with what is wrong.
Result<NewPasskey> verify_new_passkey(ByteView client_data, ByteView attestation_object,
                                      const PasskeyExpectation& expected);

struct PasskeyUse {
  ByteView client_data;
  ByteView authenticator_data;
  ByteView signature;
};
// The counter it has reached. `counter`: that it had; one that has not grown since is a copy's, where the authenticator
// counts at all. Errors as above.
Result<std::uint32_t> verify_passkey_use(const PasskeyUse& use, const PasskeyKey& key, std::uint32_t counter,
                                         const PasskeyExpectation& expected);

}  // namespace tenantry::crypto
