// Passkeys in rows, and the challenges they answer: each once, for five minutes, by whom it was made for.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/bytes.h"
#include "shared/core/ids.h"
#include "shared/core/time.h"
#include "shared/crypto/webauthn.h"
#include "workers/gateway/api/auth/requests.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::gateway {

// Whose site it is: of the platform's public URL.
struct PasskeySite {
  std::string rp_id;
  std::string origin;
};
PasskeySite passkey_site(std::string_view public_url);

// The challenge that a browser's answer is to; nullopt: it names none.
std::optional<Bytes> challenge_in(ByteView client_data);

namespace store {

constexpr int passkeys_max = 10;  // of a person

Bytes put_passkey_challenge(db::Transaction& tx, std::string_view user_id, std::string_view purpose, Timestamp now);
// Used up, whatever comes of it. False: it is none of the person's for that, or too old.
bool take_passkey_challenge(db::Transaction& tx, std::string_view user_id, std::string_view purpose, ByteView challenge,
                            Timestamp now);

struct Passkey {
  std::string passkey_id;
  Bytes credential_id;
  std::string name;
  Timestamp created_at{};
  std::optional<Timestamp> used_at{};
};
std::vector<Passkey> passkeys_of(db::Transaction& tx, std::string_view user_id);
// False: a person has that credential.
bool add_passkey(db::Transaction& tx, std::string_view user_id, const Uuid& passkey_id, const std::string& name,
                 const crypto::NewPasskey& passkey, Timestamp now);
bool remove_passkey(db::Transaction& tx, std::string_view user_id, const Uuid& passkey_id);
// Whether the person's passkey has signed a challenge of ours for the site; its counter goes on.
bool use_passkey(db::Transaction& tx, const PasskeySite& site, std::string_view user_id, const ShownPasskey& shown,
                 Timestamp now);

}  // namespace store
}  // namespace tenantry::gateway
