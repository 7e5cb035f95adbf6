// Goal: what others found broken elsewhere is not broken here. Method: Wycheproof's vectors, each
// of which says whether it must be taken; data in tests/data/wycheproof.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "shared/crypto/ed25519.h"
#include "shared/crypto/envelope.h"

namespace tenantry::crypto::wycheproof_test {
namespace {

using nlohmann::json;

json vectors(const std::string& name) {
  std::ifstream file(std::string(TENANTRY_SOURCE_DIR) + "/tests/data/wycheproof/" + name);
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

}  // namespace
}  // namespace tenantry::crypto::wycheproof_test
