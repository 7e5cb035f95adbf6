#include "shared/crypto/jwt.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"
#include "shared/crypto/hash.h"

namespace tenantry::crypto::jwt_test {
namespace {

using nlohmann::json;

const auto now = from_unix_seconds(1'700'000'000);
const Expectation access{.issuer = "https://id.test", .audience = "tenantry", .typ = "access", .now = now};

const KeyRing& keys() {
  static const KeyRing ring{SigningKey::generate()};
  return ring;
}

json good_claims() {
  return {{"iss", "https://id.test"}, {"aud", "tenantry"},           {"sub", "user-1"},
          {"jti", "token-1"},         {"iat", 1'700'000'000},        {"exp", 1'700'000'900},
          {"typ", "access"},          {"email", "ann@example.org"},  {"tenant_id", "acme"},
          {"tenant_role", "owner"},   {"tenants", {"acme", "other"}}};
}

std::string b64(std::string_view text) {
  return to_base64url(as_bytes(text));
}
std::string part(const std::string& token, int index) {
  const auto first = token.find('.');
  const auto second = token.find('.', first + 1);
  if (index == 0) return token.substr(0, first);
  return index == 1 ? token.substr(first + 1, second - first - 1) : token.substr(second + 1);
}
std::string reason_of(const Result<Claims>& result) {
  return result ? "" : result.error().reason;
}

TEST(Jwt, CarriesTheClaims) {
  const Claims claims{.sub = "user-1",
                      .email = "ann@example.org",
                      .tenant_id = "acme",
                      .tenant_role = "owner",
                      .tenants = {"acme", "other"},
                      .iat = 1'700'000'000,
                      .exp = 1'700'000'900,
                      .jti = "token-1",
                      .typ = "access"};
  for (const auto& token : {sign(keys(), claims, "https://id.test", "tenantry"), sign(keys(), good_claims().dump())}) {
    const auto read = verify(keys(), token, access);
    ASSERT_TRUE(read) << read.error().describe();
    EXPECT_EQ(read->sub, "user-1");
    EXPECT_EQ(read->email, "ann@example.org");
    EXPECT_EQ(read->tenant_id, "acme");
    EXPECT_EQ(read->tenant_role, "owner");
    EXPECT_EQ(read->tenants, (std::vector<std::string>{"acme", "other"}));
    EXPECT_EQ(read->exp, 1'700'000'900);
    EXPECT_EQ(read->jti, "token-1");
    EXPECT_EQ(read->kid, keys().current().kid());
  }
}

// J2 to J6 and J9: tokens that were not signed as ours are.
TEST(Jwt, RefusesForgedHeadersAndSignatures) {
  const auto kid = keys().current().kid();
  const auto token = sign(keys(), good_claims().dump());
  const auto payload = part(token, 1);
  const auto signature = part(token, 2);
  const auto with_header = [&](const json& header) { return b64(header.dump()) + "." + payload + "." + signature; };
  const auto keyed_with = [&](std::string_view key) {
    const auto input = b64(json{{"alg", "HS256"}, {"kid", kid}}.dump()) + "." + payload;
    return input + "." + to_base64url(hmac_sha256(as_bytes(key), as_bytes(input)));
  };

  std::vector<std::string> forged = {"", ".", "..", "a.b", "a.b.c.d", token + ".", "." + token, payload};
  for (const char* alg :
       {"none", "None", "nOnE", "NONE", "", "HS256", "HS384", "RS256", "ES384", "ES512", "PS256", "es256"}) {
    forged.push_back(with_header({{"alg", alg}, {"kid", kid}}));
    forged.push_back(b64(json{{"alg", alg}, {"kid", kid}}.dump()) + "." + payload + ".");
  }
  forged.push_back(part(token, 0) + "." + payload + ".");
  forged.push_back(keyed_with(keys().current().public_jwk()));
  forged.push_back(keyed_with(keys().jwks()));
  forged.push_back(keyed_with(""));
  for (const std::string bad : {"../../dev/null", "' or 1=1 --", "https://canary.test/key", ""}) {
    forged.push_back(with_header({{"alg", "ES256"}, {"kid", bad}}));
  }
  forged.push_back(with_header({{"alg", "ES256"}, {"kid", std::string(1'000'000, 'k')}}));
  forged.push_back(with_header({{"alg", "ES256"}}));
  forged.push_back(with_header({{"alg", "ES256"}, {"kid", 7}}));
  forged.push_back(with_header({{"kid", kid}}));
  for (const char* field : {"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip"}) {
    forged.push_back(with_header({{"alg", "ES256"}, {"kid", kid}, {field, "https://canary.test/"}}));
  }
  forged.push_back(b64(R"({"alg":"none","alg":"ES256","kid":")" + kid + "\"}") + "." + payload + "." + signature);
  forged.push_back(sign(KeyRing{SigningKey::generate()}, good_claims().dump()));

  for (const char* suffix : {"=", "==", " ", "\n", "+", "/", "%3D"}) forged.push_back(token + suffix);
  forged.push_back(" " + token);
  auto claims = good_claims();
  claims["tenant_id"] = "other";
  forged.push_back(part(token, 0) + "." + b64(claims.dump()) + "." + signature);

  for (const auto& each : forged)
    EXPECT_EQ(reason_of(verify(keys(), each, access)), "token_invalid") << each.substr(0, 200);
}

TEST(Jwt, RefusesEveryChangedCharacter) {
  const auto token = sign(keys(), good_claims().dump());
  for (std::size_t i = 0; i < token.size(); ++i) {
    auto changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(reason_of(verify(keys(), changed, access)), "token_invalid") << i;
  }
}

struct ClaimRow {
  const char* name;
  std::function<void(json&)> change;
  std::string reason{"token_invalid"};
};
class JwtClaims : public testing::TestWithParam<ClaimRow> {};

// J7 and J8: signed by us, and still not good.
TEST_P(JwtClaims, AreChecked) {
  auto claims = good_claims();
  GetParam().change(claims);
  EXPECT_EQ(reason_of(verify(keys(), sign(keys(), claims.dump()), access)), GetParam().reason);
}
INSTANTIATE_TEST_SUITE_P(
    J7J8, JwtClaims,
    testing::Values(
        ClaimRow{"Unchanged", [](json&) {}, ""},
        ClaimRow{"ExpPast", [](json& c) { c["iat"] = 1'699'000'000, c["exp"] = 1'699'999'999; }, "token_expired"},
        ClaimRow{"ExpNow", [](json& c) { c["iat"] = 1'699'000'000, c["exp"] = 1'700'000'000; }, "token_expired"},
        ClaimRow{"ExpMissing", [](json& c) { c.erase("exp"); }},
        ClaimRow{"ExpText", [](json& c) { c["exp"] = "1700000900"; }},
        ClaimRow{"ExpFloat", [](json& c) { c["exp"] = 1.7000009e9; }},
        ClaimRow{"ExpNegative", [](json& c) { c["exp"] = -1; }},
        ClaimRow{"Exp2To63", [](json& c) { c["exp"] = 9223372036854775808ULL; }},
        ClaimRow{"ExpNull", [](json& c) { c["exp"] = nullptr; }}, ClaimRow{"ExpBool", [](json& c) { c["exp"] = true; }},
        ClaimRow{"ExpBeforeIat", [](json& c) { c["exp"] = c["iat"]; }},
        ClaimRow{"IatFuture", [](json& c) { c["iat"] = 1'700'000'001; }},
        ClaimRow{"IatMissing", [](json& c) { c.erase("iat"); }},
        ClaimRow{"NbfFuture", [](json& c) { c["nbf"] = 1'700'000'001; }},
        ClaimRow{"NbfNow", [](json& c) { c["nbf"] = 1'700'000'000; }, ""},
        ClaimRow{"NbfText", [](json& c) { c["nbf"] = "0"; }},
        ClaimRow{"AudOther", [](json& c) { c["aud"] = "tenantry-test"; }},
        ClaimRow{"AudArray", [](json& c) { c["aud"] = {"tenantry"}; }},
        ClaimRow{"AudMissing", [](json& c) { c.erase("aud"); }},
        ClaimRow{"IssOther", [](json& c) { c["iss"] = "https://id.test/"; }},
        ClaimRow{"IssMissing", [](json& c) { c.erase("iss"); }},
        ClaimRow{"Refresh", [](json& c) { c["typ"] = "refresh"; }},
        ClaimRow{"TypMissing", [](json& c) { c.erase("typ"); }},
        ClaimRow{"SubMissing", [](json& c) { c.erase("sub"); }}, ClaimRow{"SubEmpty", [](json& c) { c["sub"] = ""; }},
        ClaimRow{"JtiMissing", [](json& c) { c.erase("jti"); }},
        ClaimRow{"TenantNumber", [](json& c) { c["tenant_id"] = 1; }},
        ClaimRow{"TenantsText", [](json& c) { c["tenants"] = "acme"; }},
        ClaimRow{"TenantsMixed",
                 [](json& c) {
                   c["tenants"] = {"acme", 1};
                 }}),
    [](const auto& row) { return row.param.name; });

TEST(Jwt, RefusesPayloadsThatReadTwoWays) {
  const auto text = good_claims().dump();
  const std::string nested = R"(,"deep":)" + std::string(5000, '[') + std::string(5000, ']') + "}";
  const std::string rows[] = {text.substr(0, text.size() - 1) + R"(,"tenant_id":"other"})",
                              text.substr(0, text.size() - 1) + R"(,"\u0074enant_id":"other"})",
                              text.substr(0, text.size() - 1) + R"(,"exp":1e12})",
                              text.substr(0, text.size() - 1) + nested,
                              text + " {}",
                              "[]",
                              "\"text\"",
                              "null",
                              "x"};
  for (const auto& payload : rows) {
    EXPECT_EQ(reason_of(verify(keys(), sign(keys(), payload), access)), "token_invalid") << payload.substr(0, 300);
  }
}

// J10.
TEST(Jwt, RefusesLargeTokens) {
  auto claims = good_claims();
  claims["more"] = std::string(64 * 1024, 'x');
  EXPECT_EQ(reason_of(verify(keys(), sign(keys(), claims.dump()), access)), "token_invalid");
}

TEST(Jwt, AllowsTheLeewayOnly) {
  auto later = access;
  later.now = now + Seconds{905};
  const auto token = sign(keys(), good_claims().dump());
  EXPECT_EQ(reason_of(verify(keys(), token, later)), "token_expired");
  later.leeway = Seconds{10};
  EXPECT_TRUE(verify(keys(), token, later));
}

// J14.
// What a cache of verified tokens asks on every request.
TEST(Jwt, ChecksALifetimeAgain) {
  const Claims claims{.iat = 1'000, .exp = 2'000, .nbf = 1'100};
  const auto at = [&](std::int64_t seconds) {
    const auto ok = check_lifetime(claims, from_unix_seconds(seconds));
    return ok ? std::string{} : ok.error().reason;
  };
  EXPECT_EQ(at(999), "token_invalid");
  EXPECT_EQ(at(1'099), "token_invalid");
  EXPECT_EQ(at(1'100), "");
  EXPECT_EQ(at(1'999), "");
  EXPECT_EQ(at(2'000), "token_expired");
}

TEST(KeyRing, FormerKeysVerifyUntilRetired) {
  KeyRing ring{SigningKey::generate()};
  const auto former = ring.current().kid();
  const auto token = sign(ring, good_claims().dump());
  ring.rotate(SigningKey::generate());
  EXPECT_NE(ring.current().kid(), former);
  EXPECT_TRUE(verify(ring, token, access));
  EXPECT_TRUE(verify(ring, sign(ring, good_claims().dump()), access));
  EXPECT_EQ(json::parse(ring.jwks())["keys"].size(), 2U);
  ring.retire(former);
  EXPECT_EQ(reason_of(verify(ring, token, access)), "token_invalid");
}

TEST(SigningKey, RoundTripsAndKeepsItsSecretApart) {
  const auto key = SigningKey::generate();
  const auto same = SigningKey::from_jwk(key.private_jwk());
  ASSERT_TRUE(same);
  EXPECT_EQ(same->kid(), key.kid());
  EXPECT_TRUE(verify(KeyRing{key}, sign(KeyRing{*same}, good_claims().dump()), access));

  const auto shown = json::parse(key.public_jwk());
  EXPECT_FALSE(shown.contains("d"));
  EXPECT_EQ(shown["alg"], "ES256");
  EXPECT_EQ(shown["kid"], key.kid());
  EXPECT_EQ(json::parse(KeyRing{key}.jwks())["keys"][0], shown);
}

TEST(SigningKey, RefusesOtherKeys) {
  const auto key = SigningKey::generate();
  auto unnamed = json::parse(key.private_jwk());
  unnamed.erase("kid");
  for (const auto& text : {std::string("{}"), std::string("x"), key.public_jwk(), unnamed.dump(),
                           std::string(R"({"kty":"oct","k":"c2VjcmV0","kid":"a","d":"x"})")}) {
    EXPECT_FALSE(SigningKey::from_jwk(text)) << text;
  }
}

}  // namespace
}  // namespace tenantry::crypto::jwt_test
