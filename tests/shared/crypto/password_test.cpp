#include "shared/crypto/password.h"

#include <gtest/gtest.h>

namespace tenantry::crypto::password_test {
namespace {

TEST(Password, HashesInTheFormOfL2) {
  const auto hash = hash_password("correct horse");
  ASSERT_TRUE(hash);
  EXPECT_TRUE(hash->starts_with("$argon2id$v=19$m=19456,t=2,p=1$")) << *hash;
  EXPECT_FALSE(needs_rehash(*hash));
  EXPECT_TRUE(verify_password(*hash, "correct horse"));
  EXPECT_FALSE(verify_password(*hash, "correct horsf"));
  EXPECT_NE(*hash, *hash_password("correct horse"));
}

// L6: taken exactly, also behind a NUL and behind the 72nd byte.
TEST(Password, TakesEveryByte) {
  const std::string with_nul("secret\0one", 10);
  const auto hash = hash_password(with_nul);
  EXPECT_TRUE(verify_password(*hash, with_nul));
  EXPECT_FALSE(verify_password(*hash, std::string("secret\0two", 10)));
  const std::string head(72, 'x');
  EXPECT_FALSE(verify_password(*hash_password(head + "a"), head + "b"));
}

TEST(Password, OfOneLookIsOnePassword) {
  const std::string composed = "caf\u00E9 cr\u00E8me", decomposed = "cafe\u0301 cre\u0300me";
  EXPECT_TRUE(verify_password(*hash_password(composed), decomposed));
  EXPECT_TRUE(verify_password(*hash_password(decomposed), composed));
  EXPECT_TRUE(verify_password(*hash_password("one\u00A0two three"), "one two\u3000three"));
  EXPECT_FALSE(verify_password(*hash_password("Caf\u00E9 cr\u00E8me"), composed));
}

// Of "cafe" and a combining accent, as it was typed: before passwords had one form.
TEST(Password, HashesOfTheTypedBytesStillVerify) {
  const std::string old =
      "$argon2id$v=19$m=19456,t=2,p=1$hqb/oLoXtpGf1VT09WUmvA$p/kET4FFDbgCJjMe9/8mBfWRQoSbe+gQP1STtVCkD4E";
  EXPECT_TRUE(verify_password(old, "cafe\u0301 cre\u0300me"));
  EXPECT_FALSE(verify_password(old, "cafe\u0301 creme"));
}

TEST(Password, RefusesWhatIsNoHashOfOurs) {
  for (const char* hash : {"", "plain", "$argon2id$v=19$m=19456,t=2,p=1$", "$2b$10$abcdefghijklmnopqrstuv"}) {
    EXPECT_FALSE(verify_password(hash, "x")) << hash;
    EXPECT_TRUE(needs_rehash(hash)) << hash;
  }
  EXPECT_FALSE(verify_password(std::string(1000, '$'), "x"));
}

TEST(Password, TheDummyHashCostsAsMuch) {
  EXPECT_TRUE(dummy_password_hash().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
  EXPECT_EQ(&dummy_password_hash(), &dummy_password_hash());
  EXPECT_FALSE(verify_password(dummy_password_hash(), ""));
}

// L6 and L7.
TEST(PasswordStrength, NamesTheRuleAndTheField) {
  const std::string context[] = {"Acme Corporation", "ann@example.org"};
  const std::string bread = "\xF0\x9F\x8D\x9E";
  std::string breads;
  for (int i = 0; i < 129; ++i) breads += bread;
  const std::pair<std::string, std::string> rows[] = {{"1234567", "too_short"},
                                                      {bread + bread + bread, "too_short"},
                                                      {std::string(129, 'x'), "too_long"},
                                                      {breads, "too_long"},
                                                      {std::string(1025, 'x'), "too_long"},
                                                      {"PassWord", "too_common"},
                                                      {"qwertyuiop", "too_common"},
                                                      {"acme corporation", "too_obvious"},
                                                      {"ANN@example.org", "too_obvious"},
                                                      {"PassWord2026!", "too_common"},
                                                      {"Acme Corporation42", "too_obvious"},
                                                      {"!acme corporation!", "too_obvious"},
                                                      {"\xC0\xAFxxxxxxxxxx", "utf8"}};
  for (const auto& [password, rule] : rows) {
    const auto result = check_password_strength(password, context, "/admin_password");
    ASSERT_FALSE(result) << password;
    EXPECT_EQ(result.error().fields[0].code, rule) << password;
    EXPECT_EQ(result.error().fields[0].pointer, "/admin_password");
  }
  for (const auto& password : {std::string("plain but long"), std::string("Acme Corporation 1998-07"),
                               std::string("Acme bakes 42"), std::string(128, 'x'), breads.substr(0, 512)}) {
    EXPECT_TRUE(check_password_strength(password, context, "/admin_password")) << password;
  }
}

}  // namespace
}  // namespace tenantry::crypto::password_test
