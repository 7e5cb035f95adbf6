#include "shared/core/bytes.h"

#include <gtest/gtest.h>

namespace tenantry::bytes_test {
namespace {

// RFC 4648 section 10.
TEST(Base64, MatchesTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> rows[] = {{"", ""},
                                                      {"f", "Zg=="},
                                                      {"fo", "Zm8="},
                                                      {"foo", "Zm9v"},
                                                      {"foob", "Zm9vYg=="},
                                                      {"fooba", "Zm9vYmE="},
                                                      {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : rows) {
    EXPECT_EQ(to_base64(as_bytes(plain)), text);
    const auto back = from_base64(text);
    ASSERT_TRUE(back) << text;
    EXPECT_EQ(as_text(*back), plain);
  }
}

TEST(Base64, RefusesASecondTextForAValue) {
  for (const char* text : {"Zh==", "Zg=", "Zg", "Zm9=", "Zm 9v", "Zm9v\n", "Zm-v", "===="}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
  for (const char* text : {"Zg==", "Zh", "Zm+v", "Z"}) EXPECT_FALSE(from_base64url(text)) << text;
  EXPECT_TRUE(from_base64url("Zg"));
}

TEST(Hex, RoundTrips) {
  const auto bytes = from_hex("00fFa5");
  ASSERT_TRUE(bytes);
  EXPECT_EQ(to_hex(*bytes), "00ffa5");
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
}

TEST(Utf8, RefusesSurrogatesOverlongFormsAndCutSequences) {
  EXPECT_TRUE(is_utf8("Éléonore 株式会社 \xF0\x9F\x8D\x9E"));
  for (const char* text : {"\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\x80", "\xF5\x80\x80\x80"}) {
    EXPECT_FALSE(is_utf8(text));
  }
}

TEST(PercentEncoding, LeavesOnlyUnreservedCharactersAsTheyAre) {
  EXPECT_EQ(percent_encoded("azAZ09-._~"), "azAZ09-._~");
  EXPECT_EQ(percent_encoded("/a b?c=d&e%\xC3\xA9"), "%2fa%20b%3fc%3dd%26e%25%c3%a9");
}

}  // namespace
}  // namespace tenantry::bytes_test
