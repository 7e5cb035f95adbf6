#include "shared/crypto/hash.h"

#include <gtest/gtest.h>

namespace tenantry::crypto::hash_test {
namespace {

TEST(Hash, MatchesPublishedVectors) {
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 pieces;
  pieces.update(as_bytes("a")).update({}).update(as_bytes("bc"));
  EXPECT_EQ(pieces.finish(), sha256(as_bytes("abc")));
  // GitHub's published webhook signature.
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes("It's a Secret to Everybody"), as_bytes("Hello, World!"))),
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
  EXPECT_EQ(to_hex(hmac_sha256({}, {})), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Hkdf, MatchesRfc5869) {
  const auto key = Bytes(22, 0x0b);
  const auto salt = from_hex("000102030405060708090a0b0c");
  const auto info = from_hex("f0f1f2f3f4f5f6f7f8f9");
  EXPECT_EQ(to_hex(hkdf_sha256(key, *salt, *info, 42)),  // case 1
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  EXPECT_EQ(to_hex(hkdf_sha256(key, {}, {}, 42)),  // case 3
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(ConstantTimeEqual, ComparesLengthAndBytes) {
  EXPECT_TRUE(constant_time_equal(as_bytes("same"), as_bytes("same")));
  EXPECT_TRUE(constant_time_equal({}, {}));
  EXPECT_FALSE(constant_time_equal(as_bytes("same"), as_bytes("sama")));
  EXPECT_FALSE(constant_time_equal(as_bytes("same"), as_bytes("sam")));
}

TEST(RandomBytes, Differ) {
  EXPECT_EQ(random_bytes(16).size(), 16U);
  EXPECT_NE(random_bytes(16), random_bytes(16));
}

TEST(LookupHash, TellsInputsApartAndIsThisObjectsAlone) {
  const LookupHash hash;
  const std::string text(500, 'a');
  const auto value = hash(as_bytes(text));
  EXPECT_EQ(hash(as_bytes(text)), value);
  EXPECT_NE(hash(as_bytes(text + 'a')), value);
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto other = text;
    other[i] = 'b';
    EXPECT_NE(hash(as_bytes(other)), value) << i;
  }
  EXPECT_NE(LookupHash{}(as_bytes(text)), value);
}

}  // namespace
}  // namespace tenantry::crypto::hash_test
