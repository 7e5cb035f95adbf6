#include "shared/crypto/webauthn.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shared/crypto/cbor.h"
#include "shared/crypto/ed25519.h"
#include "shared/crypto/es256.h"
#include "shared/crypto/hash.h"
#include "shared/json/json.h"

namespace tenantry::crypto {
namespace {

constexpr std::size_t client_data_max = 8192;
constexpr std::size_t attestation_max = 8192;
constexpr std::size_t signature_max = 256;
constexpr std::size_t credential_id_max = 1023;
constexpr std::size_t coordinate_size = 32;
constexpr std::size_t aaguid_size = 16;

constexpr std::uint8_t user_present = 0x01;
constexpr std::uint8_t user_verified = 0x04;
constexpr std::uint8_t has_credential = 0x40;
constexpr std::uint8_t has_extensions = 0x80;

Error refused(const char* why) {
  return {.code = Errc::invalid, .reason = "passkey", .message = why};
}

bool is_text(const nlohmann::json& object, const char* name, std::string_view value) {
  const auto at = object.find(name);
  return at != object.end() && at->is_string() && at->get_ref<const std::string&>() == value;
}

// Section 7.1 steps 7 to 11, 7.2 steps 11 to 14.
Result<void> check_client_data(ByteView bytes, std::string_view type, const PasskeyExpectation& expected) {
  const auto data = parse_json(as_text(bytes), {.depth = 8, .size = client_data_max});
  if (!data || !data->is_object()) return refused("the client's data is no JSON object");
  if (!is_text(*data, "type", type)) return refused("the client's data is for something else");
  if (!is_text(*data, "challenge", to_base64url(expected.challenge))) return refused("the challenge is another");
  const auto here = [&](const std::string& origin) { return is_text(*data, "origin", origin); };
  if (std::ranges::none_of(expected.origins, here)) return refused("it was made for another origin");
  const auto cross = data->find("crossOrigin");
  if (cross != data->end() && *cross != false) return refused("it was made inside a page of another origin");
  return {};
}

// Section 6.1. What follows the first 37 bytes is the credential's, then the extensions'.
struct AuthenticatorData {
  std::uint8_t flags = 0;
  std::uint32_t counter = 0;
  ByteView rest;
};

Result<AuthenticatorData> read_authenticator_data(ByteView bytes, const PasskeyExpectation& expected) {
  constexpr std::size_t hash_size = 32;
  constexpr std::size_t head_size = hash_size + 1 + 4;
  if (bytes.size() < head_size) return refused("the authenticator's data is cut off");
  if (!constant_time_equal(bytes.first(hash_size), sha256(as_bytes(expected.rp_id)))) {
    return refused("the passkey is of another site");
  }
  AuthenticatorData data;
  data.flags = bytes[hash_size];
  for (const auto byte : bytes.subspan(hash_size + 1, 4)) data.counter = (data.counter << 8U) | byte;
  data.rest = bytes.subspan(head_size);
  if ((data.flags & user_present) == 0) return refused("nobody was present");
  if (expected.user_verified && (data.flags & user_verified) == 0) return refused("the authenticator asked for nobody");
  return data;
}

Result<void> skip_extensions(const AuthenticatorData& data, ByteView rest) {
  if ((data.flags & has_extensions) != 0) {
    const auto extensions = read_cbor(rest);
    if (!extensions || extensions->item.kind != Cbor::Kind::map) return refused("the extensions are no map");
    rest = rest.subspan(extensions->size);
  }
  if (!rest.empty()) return refused("something follows the authenticator's data");
  return {};
}

bool is_integer(const Cbor* item, std::int64_t value) {
  return item != nullptr && item->kind == Cbor::Kind::integer && item->integer == value;
}

bool is_coordinate(const Cbor* item) {
  return item != nullptr && item->kind == Cbor::Kind::bytes && item->bytes.size() == coordinate_size;
}

bool verifies(const PasskeyKey& key, ByteView message, ByteView signature) {
  switch (key.algorithm) {
    case PasskeyKey::Algorithm::es256:
      return key.public_key.size() == 2 * coordinate_size && verify_es256(key.public_key, message, signature);
    case PasskeyKey::Algorithm::ed25519: {
      Ed25519PublicKey raw{};
      if (key.public_key.size() != raw.size()) return false;
      std::ranges::copy(key.public_key, raw.begin());
      return verify_ed25519(raw, message, signature);
    }
  }
  return false;
}

// RFC 9053: EC2 on P-256 with ES256, or OKP on Ed25519 with EdDSA.
Result<PasskeyKey> read_key(const Cbor& key) {
  const auto* const x = key.find(-2);
  if (is_integer(key.find(1), 2) && is_integer(key.find(3), -7) && is_integer(key.find(-1), 1)) {
    const auto* const y = key.find(-3);
    if (!is_coordinate(x) || !is_coordinate(y)) return refused("the key has no point");
    PasskeyKey out{.algorithm = PasskeyKey::Algorithm::es256, .public_key = Bytes(x->bytes.begin(), x->bytes.end())};
    out.public_key.insert(out.public_key.end(), y->bytes.begin(), y->bytes.end());
    if (!is_on_p256(out.public_key)) return refused("the key's point is not on its curve");
    return out;
  }
  if (is_integer(key.find(1), 1) && is_integer(key.find(3), -8) && is_integer(key.find(-1), 6)) {
    if (!is_coordinate(x)) return refused("the key has no point");
    return PasskeyKey{.algorithm = PasskeyKey::Algorithm::ed25519,
                      .public_key = Bytes(x->bytes.begin(), x->bytes.end())};
  }
  return refused("the key is neither of ES256 nor of Ed25519");
}

// Section 6.5.1: AAGUID, the credential's id, its key.
Result<NewPasskey> read_credential(const AuthenticatorData& data) {
  if ((data.flags & has_credential) == 0) return refused("there is no credential in it");
  auto rest = data.rest;
  if (rest.size() < aaguid_size + 2) return refused("the credential is cut off");
  const std::size_t size = (std::size_t{rest[aaguid_size]} << 8U) | rest[aaguid_size + 1];
  rest = rest.subspan(aaguid_size + 2);
  if (size == 0 || size > credential_id_max || size > rest.size())
    return refused("the credential's id has a bad length");
  NewPasskey passkey{.credential_id = Bytes(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size)),
                     .key = {},
                     .counter = data.counter};
  rest = rest.subspan(size);
  const auto key = read_cbor(rest);
  if (!key) return refused("the credential's key is no CBOR");
  auto read = read_key(key->item);
  if (!read) return read.error();
  passkey.key = *std::move(read);
  if (auto ok = skip_extensions(data, rest.subspan(key->size)); !ok) return ok.error();
  return passkey;
}

}  // namespace

Result<NewPasskey> verify_new_passkey(ByteView client_data, ByteView attestation_object,
                                      const PasskeyExpectation& expected) {
  if (auto ok = check_client_data(client_data, "webauthn.create", expected); !ok) return ok.error();
  if (attestation_object.size() > attestation_max) return refused("the attestation is too large");
  const auto attestation = read_cbor(attestation_object);
  if (!attestation || attestation->size != attestation_object.size()) return refused("the attestation is no CBOR");
  const auto* const format = attestation->item.find("fmt");
  const auto* const statement = attestation->item.find("attStmt");
  const auto* const data = attestation->item.find("authData");
  if (format == nullptr || statement == nullptr || data == nullptr || format->kind != Cbor::Kind::text ||
      statement->kind != Cbor::Kind::map || data->kind != Cbor::Kind::bytes) {
    return refused("the attestation is none");
  }
  if (as_text(format->bytes) != "none" || !statement->items.empty()) return refused("an attestation was not asked for");
  const auto read = read_authenticator_data(data->bytes, expected);
  if (!read) return read.error();
  return read_credential(*read);
}

Result<std::uint32_t> verify_passkey_use(const PasskeyUse& use, const PasskeyKey& key, std::uint32_t counter,
                                         const PasskeyExpectation& expected) {
  if (auto ok = check_client_data(use.client_data, "webauthn.get", expected); !ok) return ok.error();
  const auto data = read_authenticator_data(use.authenticator_data, expected);
  if (!data) return data.error();
  if ((data->flags & has_credential) != 0) return refused("a credential was not asked for");
  if (auto ok = skip_extensions(*data, data->rest); !ok) return ok.error();
  if (use.signature.size() > signature_max) return refused("the signature is too large");
  Bytes message(use.authenticator_data.begin(), use.authenticator_data.end());
  const auto hash = sha256(use.client_data);
  message.insert(message.end(), hash.begin(), hash.end());
  if (!verifies(key, message, use.signature)) return refused("the signature is not the passkey's");
  if ((data->counter != 0 || counter != 0) && data->counter <= counter) return refused("the passkey was copied");
  return data->counter;
}

}  // namespace tenantry::crypto
