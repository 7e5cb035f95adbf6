#include "shared/crypto/jwt.h"

#include <cjose/cjose.h>

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "shared/core/assert.h"
#include "shared/core/bytes.h"
#include "shared/crypto/hash.h"
#include "shared/json/json.h"

namespace tenantry::crypto {
namespace {

using nlohmann::json;

constexpr std::size_t token_size_max = 16UL * 1024UL;
constexpr std::size_t kid_size_max = 128;
constexpr std::size_t signature_size = 64;             // r || s of P-256
constexpr std::int64_t seconds_max = 253'402'300'799;  // the end of 9999, as RFC 3339 has it
constexpr JsonLimits header_limits{.depth = 1, .size = 1024};
constexpr JsonLimits claims_limits{.depth = 4, .size = token_size_max};

struct ReleaseJws {
  void operator()(cjose_jws_t* jws) const { cjose_jws_release(jws); }
};
using Jws = std::unique_ptr<cjose_jws_t, ReleaseJws>;

struct ReleaseHeader {
  void operator()(cjose_header_t* header) const { cjose_header_release(header); }
};
using Header = std::unique_ptr<cjose_header_t, ReleaseHeader>;

Error token_error(const char* reason, std::string message) {
  return {.code = Errc::unauthenticated, .reason = reason, .message = std::move(message)};
}
Error token_invalid(std::string message) {
  return token_error("token_invalid", "the token is not valid: " + std::move(message));
}

bool is_p256(const cjose_jwk_t* key) {
  cjose_err failure{};
  return cjose_jwk_get_kty(key, &failure) == CJOSE_JWK_KTY_EC &&
         cjose_jwk_EC_get_curve(key, &failure) == CJOSE_JWK_EC_P_256;
}

std::string jwk_text(const cjose_jwk_t* key, bool with_private) {
  cjose_err failure{};
  char* const text = cjose_jwk_to_json(key, with_private, &failure);
  TENANTRY_ASSERT(text != nullptr);
  std::string copy{text};
  cjose_get_dealloc()(text);
  return copy;
}

// RFC 7638: the required members, sorted, without white space.
std::string thumbprint(const json& jwk) {
  const json members = {{"crv", jwk.at("crv")}, {"kty", jwk.at("kty")}, {"x", jwk.at("x")}, {"y", jwk.at("y")}};
  return to_base64url(sha256(as_bytes(members.dump())));
}

struct Parts {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
};

std::optional<Parts> split(std::string_view token) {
  const auto first = token.find('.');
  if (first == std::string_view::npos) return {};
  const auto second = token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return {};
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1)};
}

Result<json> decode_object(std::string_view part, JsonLimits limits) {
  const auto bytes = from_base64url(part);
  if (!bytes) return token_invalid("a part is not base64url");
  auto value = parse_json(as_text(*bytes), limits);
  if (!value || !value->is_object()) return token_invalid("a part is not a JSON object");
  return value;
}

// The key id, from a header that holds alg ES256, kid, perhaps typ JWT, and nothing else.
Result<std::string> read_header(const json& header) {
  for (const auto& [name, value] : header.items()) {
    if (name != "alg" && name != "kid" && name != "typ") return token_invalid("header field " + name);
    if (!value.is_string()) return token_invalid("header field " + name + " is not text");
  }
  if (!header.contains("alg") || header["alg"] != "ES256") return token_invalid("alg is not ES256");
  if (header.contains("typ") && header["typ"] != "JWT") return token_invalid("typ is not JWT");
  if (!header.contains("kid")) return token_invalid("no kid");
  auto kid = header["kid"].get<std::string>();
  if (kid.empty() || kid.size() > kid_size_max) return token_invalid("kid");
  return kid;
}

// Integers only: a library that reads 1e12 as a float may skip the comparison (CVE-2026-67242).
bool read_seconds(const json& claims, const char* name, std::int64_t& seconds) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number_integer()) return false;
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > static_cast<std::uint64_t>(seconds_max))
    return false;
  seconds = found->get<std::int64_t>();
  return seconds >= 0 && seconds <= seconds_max;
}

bool read_text(const json& claims, const char* name, std::string& text) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_string()) return false;
  text = found->get<std::string>();
  return true;
}

Result<Claims> read_claims(const json& payload) {
  Claims claims;
  if (!read_seconds(payload, "exp", claims.exp)) return token_invalid("exp");
  if (!read_seconds(payload, "iat", claims.iat)) return token_invalid("iat");
  if (!read_text(payload, "sub", claims.sub) || claims.sub.empty()) return token_invalid("sub");
  if (!read_text(payload, "jti", claims.jti) || claims.jti.empty()) return token_invalid("jti");
  if (!read_text(payload, "typ", claims.typ)) return token_invalid("typ");

  const std::pair<const char*, std::string*> optional_texts[] = {{"email", &claims.email},
                                                                 {"tenant_id", &claims.tenant_id},
                                                                 {"tenant_role", &claims.tenant_role},
                                                                 {"sid", &claims.sid},
                                                                 {"factor", &claims.factor}};
  for (const auto& [name, text] : optional_texts) {
    if (payload.contains(name) && !read_text(payload, name, *text)) return token_invalid(name);
  }
  if (const auto tenants = payload.find("tenants"); tenants != payload.end()) {
    if (!tenants->is_array()) return token_invalid("tenants");
    for (const auto& tenant : *tenants) {
      if (!tenant.is_string()) return token_invalid("tenants");
      claims.tenants.push_back(tenant.get<std::string>());
    }
  }
  return claims;
}

}  // namespace

struct SigningKey::Key {
  cjose_jwk_t* jwk;
  std::string kid;

  Key(cjose_jwk_t* owned, std::string id) : jwk(owned), kid(std::move(id)) {
    cjose_err failure{};
    TENANTRY_ASSERT(cjose_jwk_set_kid(jwk, kid.data(), kid.size(), &failure));
  }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  ~Key() { cjose_jwk_release(jwk); }
};

SigningKey SigningKey::generate() {
  cjose_err failure{};
  auto* const jwk = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &failure);
  TENANTRY_ASSERT(jwk != nullptr);
  auto kid = thumbprint(json::parse(jwk_text(jwk, false)));
  return SigningKey(std::make_shared<const Key>(jwk, std::move(kid)));
}

Result<SigningKey> SigningKey::from_jwk(std::string_view text) {
  const auto value = parse_json(text, {.depth = 2, .size = 4096});
  std::string kid;
  if (!value || !value->is_object() || !read_text(*value, "kid", kid) || kid.empty() || kid.size() > kid_size_max) {
    return Error::invalid("", "jwk", "not a JWK with a kid");
  }
  cjose_err failure{};
  auto* const jwk = cjose_jwk_import(text.data(), text.size(), &failure);
  if (jwk == nullptr) return Error::invalid("", "jwk", "not a JWK");
  if (!value->contains("d") || !is_p256(jwk)) {
    cjose_jwk_release(jwk);
    return Error::invalid("", "jwk", "not a private key of curve P-256");
  }
  return SigningKey(std::make_shared<const Key>(jwk, std::move(kid)));
}

const std::string& SigningKey::kid() const {
  return key_->kid;
}

std::string SigningKey::private_jwk() const {
  return jwk_text(key_->jwk, true);
}

std::string SigningKey::public_jwk() const {
  auto jwk = json::parse(jwk_text(key_->jwk, false));
  jwk["alg"] = "ES256";
  jwk["use"] = "sig";
  return jwk.dump();
}

KeyRing::KeyRing(SigningKey current) : current_(std::move(current)) {
  keys_.emplace(current_.kid(), current_);
}

void KeyRing::rotate(SigningKey next) {
  current_ = next;
  add(std::move(next));
}

void KeyRing::retire(const std::string& kid) {
  TENANTRY_ASSERT(kid != current_.kid());
  keys_.erase(kid);
}

void KeyRing::add(SigningKey key) {
  auto kid = key.kid();
  keys_.insert_or_assign(std::move(kid), std::move(key));
}

std::string KeyRing::jwks() const {
  json keys = json::array();
  for (const auto& [kid, key] : keys_) keys.push_back(json::parse(key.public_jwk()));
  return json{{"keys", std::move(keys)}}.dump();
}

std::string KeyRing::sign(std::string_view claims_json) const {
  cjose_err failure{};
  const Header header{cjose_header_new(&failure)};
  TENANTRY_ASSERT(header && cjose_header_set(header.get(), CJOSE_HDR_ALG, CJOSE_HDR_ALG_ES256, &failure) &&
                  cjose_header_set(header.get(), CJOSE_HDR_KID, current_.kid().c_str(), &failure) &&
                  cjose_header_set(header.get(), "typ", "JWT", &failure));
  const auto payload = as_bytes(claims_json);
  const Jws jws{cjose_jws_sign(current_.key_->jwk, header.get(), payload.data(), payload.size(), &failure)};
  const char* token = nullptr;
  TENANTRY_ASSERT(jws && cjose_jws_export(jws.get(), &token, &failure));
  return token;
}

bool KeyRing::verifies(const std::string& kid, std::string_view token) const {
  const auto key = keys_.find(kid);
  if (key == keys_.end()) return false;
  cjose_err failure{};
  const Jws jws{cjose_jws_import(token.data(), token.size(), &failure)};
  return jws && cjose_jws_verify(jws.get(), key->second.key_->jwk, &failure);
}

std::string sign(const KeyRing& keys, std::string_view claims_json) {
  return keys.sign(claims_json);
}

std::string sign(const KeyRing& keys, const Claims& claims, std::string_view issuer, std::string_view audience) {
  json payload = {{"iss", issuer},     {"aud", audience},   {"sub", claims.sub},         {"jti", claims.jti},
                  {"iat", claims.iat}, {"exp", claims.exp}, {"tenants", claims.tenants}, {"typ", claims.typ}};
  if (!claims.email.empty()) payload["email"] = claims.email;
  if (!claims.tenant_id.empty()) payload["tenant_id"] = claims.tenant_id;
  if (!claims.tenant_role.empty()) payload["tenant_role"] = claims.tenant_role;
  if (!claims.sid.empty()) payload["sid"] = claims.sid;
  if (!claims.factor.empty()) payload["factor"] = claims.factor;
  return keys.sign(payload.dump());
}

Result<void> check_lifetime(const Claims& claims, Timestamp now, Seconds leeway) {
  const auto at = to_unix_seconds(now);
  if (claims.iat > at + leeway.count()) return token_invalid("iat is in the future");
  if (claims.nbf > at + leeway.count()) return token_invalid("nbf");
  if (claims.exp + leeway.count() <= at) return token_error("token_expired", "the token has expired");
  return {};
}

Result<Claims> verify(const KeyRing& keys, std::string_view token, const Expectation& expected) {
  if (token.size() > token_size_max) return token_invalid("too large");
  const auto parts = split(token);
  if (!parts) return token_invalid("not three parts");

  const auto header = decode_object(parts->header, header_limits);
  if (!header) return header.error();
  auto kid = read_header(*header);
  if (!kid) return kid.error();
  const auto signature = from_base64url(parts->signature);
  if (!signature || signature->size() != signature_size || !keys.verifies(*kid, token)) {
    return token_invalid("signature");
  }

  const auto payload = decode_object(parts->payload, claims_limits);
  if (!payload) return payload.error();
  auto claims = read_claims(*payload);
  if (!claims) return claims;
  claims->kid = std::move(*kid);

  std::string text;
  if (!read_text(*payload, "iss", text) || text != expected.issuer) return token_invalid("iss");
  if (!read_text(*payload, "aud", text) || text != expected.audience) return token_invalid("aud");
  if (claims->typ != expected.typ) return token_invalid("typ");

  if (payload->contains("nbf") && !read_seconds(*payload, "nbf", claims->nbf)) return token_invalid("nbf");
  if (claims->exp <= claims->iat) return token_invalid("exp is before iat");
  if (const auto ok = check_lifetime(*claims, expected.now, expected.leeway); !ok) return ok.error();
  return claims;
}

}  // namespace tenantry::crypto
