#include <nlohmann/json.hpp>

#include "shared/crypto/hash.h"
#include "shared/db/connection.h"
#include "shared/json/json.h"
#include "workers/gateway/api/auth/passkeys.h"

namespace tenantry::gateway {
namespace {

constexpr Seconds challenge_life{300};
constexpr std::size_t client_data_max = 8192;

}  // namespace

PasskeySite passkey_site(std::string_view public_url) {
  const auto scheme = public_url.find("://");
  const auto begin = scheme == public_url.npos ? 0 : scheme + 3;
  const auto origin = public_url.substr(0, public_url.find('/', begin));
  const auto host = origin.substr(begin);
  return {std::string(host.substr(0, host.find(':'))), std::string(origin)};
}

std::optional<Bytes> challenge_in(ByteView client_data) {
  const auto data = parse_json(as_text(client_data), {.depth = 8, .size = client_data_max});
  if (!data || !data->is_object() || !data->contains("challenge") || !(*data)["challenge"].is_string()) return {};
  auto challenge = from_base64url((*data)["challenge"].get<std::string>());
  return challenge ? std::optional(*std::move(challenge)) : std::nullopt;
}

namespace store {

Bytes put_passkey_challenge(db::Transaction& tx, std::string_view user_id, std::string_view purpose, Timestamp now) {
  auto challenge = crypto::random_bytes(crypto::passkey_challenge_size);
  tx.send("INSERT INTO platform.passkey_challenges (challenge, user_id, purpose, expires_at) VALUES ($1, $2, $3, $4)",
          {challenge, user_id, purpose, now + challenge_life});
  return challenge;
}

bool take_passkey_challenge(db::Transaction& tx, std::string_view user_id, std::string_view purpose, ByteView challenge,
                            Timestamp now) {
  return tx.exec(
               "DELETE FROM platform.passkey_challenges WHERE challenge = $1 AND user_id = $2 AND purpose = $3 "
               "AND expires_at > $4",
               {challenge, user_id, purpose, now})
             .affected() == 1;
}

std::vector<Passkey> passkeys_of(db::Transaction& tx, std::string_view user_id) {
  std::vector<Passkey> out;
  const auto rows = tx.exec(
      "SELECT passkey_id, credential_id, name, created_at, used_at FROM platform.passkeys WHERE user_id = $1 "
      "ORDER BY created_at, passkey_id",
      {user_id});
  for (const auto row : rows) {
    out.push_back({std::string(row.text(0)), row.bytes(1), std::string(row.text(2)), row.timestamp(3),
                   row.optional_timestamp(4)});
  }
  return out;
}

bool add_passkey(db::Transaction& tx, std::string_view user_id, const Uuid& passkey_id, const std::string& name,
                 const crypto::NewPasskey& passkey, Timestamp now) {
  return tx.exec(
               "INSERT INTO platform.passkeys (passkey_id, credential_id, user_id, name, algorithm, public_key, "
               "counter, "
               "created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (credential_id) DO NOTHING",
               {passkey_id, passkey.credential_id, user_id, name, static_cast<int>(passkey.key.algorithm),
                passkey.key.public_key, std::int64_t{passkey.counter}, now})
             .affected() == 1;
}

bool remove_passkey(db::Transaction& tx, std::string_view user_id, const Uuid& passkey_id) {
  return tx.exec("DELETE FROM platform.passkeys WHERE user_id = $1 AND passkey_id = $2", {user_id, passkey_id})
             .affected() == 1;
}

bool use_passkey(db::Transaction& tx, const PasskeySite& site, std::string_view user_id, const ShownPasskey& shown,
                 Timestamp now) {
  const auto challenge = challenge_in(shown.client_data);
  if (!challenge || !take_passkey_challenge(tx, user_id, "use", *challenge, now)) return false;
  const auto rows = tx.exec(
      "SELECT algorithm, public_key, counter FROM platform.passkeys WHERE user_id = $1 AND credential_id = $2 FOR "
      "UPDATE",
      {user_id, shown.credential_id});
  if (rows.empty()) return false;
  const crypto::PasskeyKey key{static_cast<crypto::PasskeyKey::Algorithm>(rows[0].int64(0)), rows[0].bytes(1)};
  const auto counter = crypto::verify_passkey_use(
      {shown.client_data, shown.authenticator_data, shown.signature}, key, static_cast<std::uint32_t>(rows[0].int64(2)),
      {.challenge = *challenge, .rp_id = site.rp_id, .origins = {site.origin}});
  if (!counter) return false;
  tx.send("UPDATE platform.passkeys SET counter = $2, used_at = $3 WHERE credential_id = $1",
          {shown.credential_id, std::int64_t{*counter}, now});
  return true;
}

}  // namespace store
}  // namespace tenantry::gateway
