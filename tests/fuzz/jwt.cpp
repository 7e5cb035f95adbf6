// Tokens: nobody but the holder of a key makes one that is let in.
#include "shared/crypto/jwt.h"
#include "tests/fuzz/target.h"

namespace tenantry::fuzz::jwt {
namespace {

// Made for these tests; it signs nothing else.
constexpr const char* key =
    R"({"kty":"EC","crv":"P-256","kid":"fuzz","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",)"
    R"("y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"})";

const crypto::KeyRing& keys() {
  static const crypto::KeyRing ring{*crypto::SigningKey::from_jwk(key)};
  return ring;
}

void run(std::string_view bytes) {
  const auto now = from_unix_seconds(1'700'000'000);
  const crypto::Expectation expected{.issuer = "tenantry", .audience = "tenantry", .typ = "access", .now = now};
  (void)crypto::verify(keys(), bytes, expected);
  (void)crypto::SigningKey::from_jwk(bytes);
  // Claims under a good signature, which only we make: still nothing that is half a claim.
  const auto signed_by_us = keys().sign(bytes);
  const auto claims = crypto::verify(keys(), signed_by_us, expected);
  if (!claims) return;
  TENANTRY_ASSERT(claims->typ == "access" && claims->exp > 1'700'000'000);
  auto forged = signed_by_us;
  auto& last = forged[forged.size() - 10];
  last = last == 'A' ? 'B' : 'A';
  TENANTRY_ASSERT(!crypto::verify(keys(), forged, expected));
}

const Registered target{{"jwt", run}};

}  // namespace
}  // namespace tenantry::fuzz::jwt
