#include "shared/crypto/link_token.h"

#include <gtest/gtest.h>

#include <set>

namespace tenantry::crypto::link_token_test {
namespace {

const Uuid some = Uuid::parse("019aa5d2-7c1e-7f4a-9b7d-2a6c0f3e5d11").value();
const Uuid other = Uuid::parse("019aa5d2-7c1e-7f4a-9b7d-2a6c0f3e5d12").value();

MasterKey master(std::uint8_t byte) {
  return MasterKey::from_base64(to_base64(Bytes(32, byte))).value();
}

TEST(LinkToken, IsTheSameWheneverItIsMade) {
  const auto token = LinkTokens(master(1)).make(LinkPurpose::invitation, some, 1);
  EXPECT_EQ(token, LinkTokens(master(1)).make(LinkPurpose::invitation, some, 1));
  EXPECT_TRUE(token.starts_with("inv_"));
  EXPECT_EQ(from_base64url(token.substr(4)).value().size(), 32U);
}

TEST(LinkToken, IsAnothersForEveryThingSendingAndKey) {
  const LinkTokens tokens(master(1));
  const std::set<std::string> made = {
      tokens.make(LinkPurpose::invitation, some, 1),     tokens.make(LinkPurpose::invitation, some, 2),
      tokens.make(LinkPurpose::invitation, some, 11),    tokens.make(LinkPurpose::invitation, other, 1),
      tokens.make(LinkPurpose::password_reset, some, 1), LinkTokens(master(2)).make(LinkPurpose::invitation, some, 1)};
  EXPECT_EQ(made.size(), 6U);
}

TEST(LinkToken, IsNotTheKeyItIsMadeOf) {
  const auto token = LinkTokens(master(1)).make(LinkPurpose::invitation, some, 1);
  EXPECT_NE(from_base64url(token.substr(4)).value(), Bytes(32, 1));
  const auto hash = link_token_hash(token);
  EXPECT_EQ(hash, sha256(as_bytes(token)));
}

}  // namespace
}  // namespace tenantry::crypto::link_token_test
