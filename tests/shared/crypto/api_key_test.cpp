#include "shared/crypto/api_key.h"

#include <gtest/gtest.h>

#include <set>

namespace tenantry::crypto::api_key_test {
namespace {

// Its checksum is Node's zlib.crc32 of what is before it, in base 62.
constexpr std::string_view known = "tnk_4fT0Zq8b_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_1Z2O8a";

TEST(ApiKey, IsReadAndWritten) {
  const auto key = parse_api_key(known);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->public_id, "4fT0Zq8b");
  EXPECT_EQ(key->secret, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
  EXPECT_EQ(write_api_key(*key), known);
  EXPECT_EQ(api_key_prefix(key->public_id), "tnk_4fT0Zq8b");
  EXPECT_EQ(crc32("123456789"), 0xCBF43926U);  // the check value of the catalogue of CRCs
}

// Goal: no slip of a finger reaches the database.
// Method: every letter exchanged for another, every length, neighbours swapped.
TEST(ApiKey, KnowsATypingErrorByItself) {
  for (std::size_t i = 0; i < known.size(); ++i) {
    std::string text{known};
    text[i] = text[i] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(parse_api_key(text)) << text;
    EXPECT_FALSE(parse_api_key(known.substr(0, i))) << i;
    if (i == 0 || known[i] == known[i - 1]) continue;
    text = known;
    std::swap(text[i], text[i - 1]);
    EXPECT_FALSE(parse_api_key(text)) << text;
  }
  EXPECT_FALSE(parse_api_key(std::string(known) + "a"));
  EXPECT_FALSE(parse_api_key(std::string(known.size(), '\0')));
  EXPECT_TRUE(looks_like_api_key("tnk_"));
  EXPECT_FALSE(looks_like_api_key("eyJhbGciOi"));
}

TEST(ApiKey, NewOnesAreOfTheForm) {
  std::set<std::string> ids;
  for (int i = 0; i < 200; ++i) {
    const ApiKeyText made{new_api_key_public_id(), new_api_key_secret()};
    ASSERT_TRUE(parse_api_key(write_api_key(made)));
    ids.insert(made.public_id);
  }
  EXPECT_EQ(ids.size(), 200U);
}

}  // namespace
}  // namespace tenantry::crypto::api_key_test
