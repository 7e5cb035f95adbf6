#include "shared/crypto/totp.h"

#include <gtest/gtest.h>

#include <set>

namespace tenantry::crypto::totp_test {
namespace {

constexpr std::string_view rfc_seed = "12345678901234567890";

// RFC 6238, appendix B, the last six digits of its SHA-1 column.
TEST(Totp, GivesTheStandardsCodes) {
  const std::pair<std::int64_t, const char*> rows[] = {{59, "287082"},         {1111111109, "081804"},
                                                       {1111111111, "050471"}, {1234567890, "005924"},
                                                       {2000000000, "279037"}, {20000000000, "353130"}};
  for (const auto& [seconds, code] : rows) {
    EXPECT_EQ(totp_code(as_bytes(rfc_seed), totp_step(from_unix_seconds(seconds))), code) << seconds;
  }
}

TEST(Totp, TakesACodeOfTheStepBeforeAndAfter) {
  const auto now = from_unix_seconds(1'800'000'000);
  const auto present = totp_step(now);
  for (std::int64_t off = -3; off <= 3; ++off) {
    const auto code = totp_code(as_bytes(rfc_seed), present + off);
    const auto found = check_totp(as_bytes(rfc_seed), code, now, 0);
    EXPECT_EQ(found.has_value(), off >= -1 && off <= 1) << off;
    if (found) {
      EXPECT_EQ(*found, present + off);
    }
  }
}

TEST(Totp, TakesACodeOnce) {
  const auto now = from_unix_seconds(1'800'000'000);
  const auto code = totp_code(as_bytes(rfc_seed), totp_step(now));
  const auto used = check_totp(as_bytes(rfc_seed), code, now, 0);
  ASSERT_TRUE(used);
  EXPECT_FALSE(check_totp(as_bytes(rfc_seed), code, now, *used));
  EXPECT_FALSE(check_totp(as_bytes(rfc_seed), totp_code(as_bytes(rfc_seed), *used - 1), now, *used));
  EXPECT_TRUE(check_totp(as_bytes(rfc_seed), totp_code(as_bytes(rfc_seed), *used + 1), now, *used));
}

TEST(Totp, TakesNothingElse) {
  const auto now = from_unix_seconds(1'800'000'000);
  const auto code = totp_code(as_bytes(rfc_seed), totp_step(now));
  for (const auto& wrong : {std::string(), code.substr(1), code + "0", " " + code, std::string("abcdef")}) {
    EXPECT_FALSE(check_totp(as_bytes(rfc_seed), wrong, now, 0)) << wrong;
  }
  EXPECT_FALSE(check_totp(make_totp_seed(), code, now, 0));
}

// RFC 4648's vectors by way of the URI: "f", "foobar".
TEST(Totp, UriHoldsTheSeedInBase32) {
  EXPECT_EQ(totp_uri(as_bytes("foobar"), "zoe@acme.example", "Tenantry"),
            "otpauth://totp/Tenantry:zoe%40acme.example?secret=MZXW6YTBOI&issuer=Tenantry");
  EXPECT_NE(totp_uri(as_bytes("f"), "a", "T").find("secret=MY&"), std::string::npos);
  EXPECT_EQ(make_totp_seed().size(), totp_seed_size);
}

TEST(RecoveryCodes, AreManyAndReadable) {
  const auto codes = make_recovery_codes(10);
  EXPECT_EQ(std::set<std::string>(codes.begin(), codes.end()).size(), 10U);
  for (const auto& code : codes) {
    EXPECT_EQ(code.size(), 10U);
    EXPECT_EQ(code.find_first_of("01lo"), code.npos) << code;
    EXPECT_EQ(recovery_code_of(code), code);
  }
  EXPECT_EQ(recovery_code_of("ABCde-23 456"), "abcde23456");
}

}  // namespace
}  // namespace tenantry::crypto::totp_test
