// Goal: what others found broken elsewhere is not broken here. Method: Wycheproof's vectors, each
// of which says whether it must be taken; data in tests/data/wycheproof.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "shared/crypto/ed25519.h"
#include "shared/crypto/envelope.h"
#include "shared/crypto/es256.h"
#include "shared/crypto/jwt.h"
#include "tests/support/source_path.h"

namespace tenantry::crypto::wycheproof_test {
namespace {

using nlohmann::json;

json vectors(const std::string& name) {
  std::ifstream file(source_path("tests/data/wycheproof/") + name);
  auto document = json::parse(file, nullptr, false);
  EXPECT_TRUE(document.is_object()) << name;
  return document.at("tests");
}

Bytes bytes(const json& vector, const char* field) {
  auto decoded = from_hex(vector.at(field).get<std::string>());
  EXPECT_TRUE(decoded) << field;
  return decoded ? *decoded : Bytes{};
}

std::string name_of(const json& vector) {
  return "tcId " + vector.at("tcId").dump() + ": " + vector.at("comment").get<std::string>();
}

TEST(Wycheproof, OpensWhatIsSealedRightAndNothingElse) {
  const auto all = vectors("aes_256_gcm.json");
  EXPECT_GT(all.size(), 60U);
  for (const auto& vector : all) {
    SCOPED_TRACE(name_of(vector));
    const auto key = SecretKey::from_bytes(bytes(vector, "key"));
    ASSERT_TRUE(key);
    auto sealed = bytes(vector, "iv");
    for (const char* part : {"ct", "tag"}) {
      const auto more = bytes(vector, part);
      sealed.insert(sealed.end(), more.begin(), more.end());
    }
    const auto opened = open(*key, sealed, bytes(vector, "aad"));
    EXPECT_EQ(opened.has_value(), vector.at("result") == "valid");
    if (opened) {
      EXPECT_EQ(*opened, bytes(vector, "msg"));
    }
  }
}

TEST(Wycheproof, VerifiesSignaturesOfTheKeyAndNoOthers) {
  const auto all = vectors("ed25519.json");
  EXPECT_GT(all.size(), 100U);
  for (const auto& vector : all) {
    SCOPED_TRACE(name_of(vector));
    const auto raw = bytes(vector, "public_key");
    Ed25519PublicKey key{};
    ASSERT_EQ(raw.size(), key.size());
    std::copy(raw.begin(), raw.end(), key.begin());
    EXPECT_EQ(verify_ed25519(key, bytes(vector, "msg"), bytes(vector, "sig")), vector.at("result") == "valid");
  }
}

// A DER INTEGER (X.690 section 8.3) of a number that is not negative.
Bytes der_integer(ByteView number) {
  while (number.size() > 1 && number[0] == 0) number = number.subspan(1);
  Bytes out{0x02, static_cast<std::uint8_t>(number.size())};
  if (number.empty() || number[0] >= 0x80) {
    ++out[1];
    out.push_back(0);
  }
  out.insert(out.end(), number.begin(), number.end());
  return out;
}

// The vectors have the two numbers one after another, in half of the bytes each; passkeys say them in DER.
Bytes der_signature(ByteView both) {
  auto numbers = der_integer(both.first(both.size() / 2));
  const auto second = der_integer(both.subspan(both.size() / 2));
  numbers.insert(numbers.end(), second.begin(), second.end());
  Bytes out{0x30, static_cast<std::uint8_t>(numbers.size())};
  if (numbers.size() >= 0x80) out.insert(out.begin() + 1, 0x81);
  out.insert(out.end(), numbers.begin(), numbers.end());
  return out;
}

TEST(Wycheproof, PasskeysSignaturesAreOfTheirKeyAlone) {
  const auto all = vectors("ecdsa_p256_sha256.json");
  EXPECT_GT(all.size(), 250U);
  for (const auto& vector : all) {
    if (vector.at("comment") == "incorrect size of signature") continue;  // a rule of the other form; DER has none
    SCOPED_TRACE(name_of(vector));
    const auto signature = bytes(vector, "sig");
    const bool halves = signature.size() % 2 == 0;  // else they are no two numbers, in DER or otherwise
    EXPECT_EQ(
        verify_es256(bytes(vector, "public_key"), bytes(vector, "msg"), halves ? der_signature(signature) : signature),
        vector.at("result") == "valid");
  }
}

// Whatever was found to pass somewhere (two zeros, numbers beyond the curve's order, other lengths) passes for no
// token.
TEST(Wycheproof, NoneOfTheirSignaturesFitsOneOfOurTokens) {
  const KeyRing keys(SigningKey::generate());
  const auto token = keys.sign(R"({"sub":"marie"})");
  const auto signed_part = token.substr(0, token.rfind('.') + 1);
  ASSERT_TRUE(keys.verifies(keys.current().kid(), token));
  for (const auto& vector : vectors("ecdsa_p256_sha256.json")) {
    SCOPED_TRACE(name_of(vector));
    EXPECT_FALSE(keys.verifies(keys.current().kid(), signed_part + to_base64url(bytes(vector, "sig"))));
  }
}

}  // namespace
}  // namespace tenantry::crypto::wycheproof_test
