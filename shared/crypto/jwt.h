// Tokens: JWTs signed with ES256, and nothing but ES256 (security.md J2 to J10).
//
// libcjose does the signature; everything around it is checked here: the form of
// the text, the header's fields, the key, and every claim that we rely on. No
// check follows a reference found in a token. Whether a token was revoked, or its
// tenant may still use it, is the caller's question.
//
// Const use from any thread; changing a KeyRing needs a lock or a new KeyRing.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/time.h"

namespace tenantry::crypto {

// A P-256 key pair with its id; copies share the key. Not printable but by private_jwk().
class SigningKey {
 public:
  static SigningKey generate();  // kid: the RFC 7638 thumbprint
  static Result<SigningKey> from_jwk(std::string_view json);

  const std::string& kid() const;
  std::string private_jwk() const;  // a secret
  std::string public_jwk() const;   // with "alg" and "use", as a JWKS lists it

 private:
  friend class KeyRing;
  struct Key;
  explicit SigningKey(std::shared_ptr<const Key> key) : key_(std::move(key)) {}
  std::shared_ptr<const Key> key_;
};

// The keys that tokens may be signed with, by kid, one of which signs new ones.
class KeyRing {
 public:
  explicit KeyRing(SigningKey current);

  // The former current key still verifies, until it is retired.
  void rotate(SigningKey next);
  void retire(const std::string& kid);  // not the current one
  void add(SigningKey key);             // verifies only

  const SigningKey& current() const { return current_; }
  std::string jwks() const;  // RFC 7517 section 5, public parts

  // A compact JWS over `claims_json`, taken as it is.
  std::string sign(std::string_view claims_json) const;

  // Whether `signature` belongs to one of our keys; false for an unknown kid.
  bool verifies(const std::string& kid, std::string_view token) const;

 private:
  SigningKey current_;
  std::map<std::string, SigningKey> keys_;
};

struct Claims {
  std::string sub{};
  std::string email{};
  std::string tenant_id{};
  std::string tenant_role{};
  std::vector<std::string> tenants{};
  std::int64_t iat = 0;  // Unix seconds
  std::int64_t exp = 0;
  std::int64_t nbf = 0;  // 0: none
  std::string jti{};
  std::string sid{};     // the session's id, where there is one
  std::string kid{};     // set by verify: the header's
  std::string typ{};     // what the token is for: "access", "select", "factor"
  std::string factor{};  // of a "select": the second factor that was shown; "": none
};

struct Expectation {
  std::string issuer;
  std::string audience;
  std::string typ;  // what the token must be for
  Timestamp now;
  Seconds leeway{0};
};

std::string sign(const KeyRing& keys, std::string_view claims_json);
std::string sign(const KeyRing& keys, const Claims& claims, std::string_view issuer, std::string_view audience);

// Whether claims that were verified are good at `now`. Errors as verify's.
Result<void> check_lifetime(const Claims& claims, Timestamp now, Seconds leeway = Seconds{0});

// Errc::unauthenticated, with reason "token_expired" for a token that was right
// until its exp, else "token_invalid".
Result<Claims> verify(const KeyRing& keys, std::string_view token, const Expectation& expected);

}  // namespace tenantry::crypto
