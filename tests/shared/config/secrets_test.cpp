#include "shared/config/secrets.h"

#include <gtest/gtest.h>

#include "shared/core/bytes.h"

namespace tenantry::config::secrets_test {
namespace {

TEST(Secrets, WhatNobodyChoseIsWeak) {
  const std::string weak[] = {"",
                              "short",
                              std::string(32, 'a'),
                              "change-me-change-me-change-me-change-me",
                              "Our-Own-CHANGEME-of-forty-two-characters",
                              "whsec_change_me_change_me_change_me_1",
                              "correcthorsecorrecthorsecorrecthorse",
                              "abcdefghijklmnopqrstuvwxyz0123456789",
                              "0123456789abcdef0123456789abcdef",
                              "ababababababababababababababababab"};
  for (const auto& secret : weak) EXPECT_TRUE(weakness_of(secret, 32)) << secret;
}

TEST(Secrets, WhatWasDrawnIsStrong) {
  for (const char* secret : {"7d1ce09eab0f2d2c1e8f7b3a6d50c94e7a61b2f38c0de945",
                             "whsec_9fK2mQ7xTz4LwB1nVd8RyJ3hPcA6sUeG", "q7!Vb2#Lk9$Wm4%Xn6^Zp8&Tr1*Ys3(Hj5"}) {
    EXPECT_FALSE(weakness_of(secret, 32)) << secret << ": " << weakness_of(secret, 32).value_or("");
  }
}

TEST(Secrets, AKeyIsThirtyTwoBytesOfChance) {
  EXPECT_TRUE(weakness_of_key("c2hvcnQ="));
  EXPECT_TRUE(weakness_of_key("not base64"));
  EXPECT_TRUE(weakness_of_key(to_base64(Bytes(32, 0))));
  Bytes row(32);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<std::uint8_t>(i);
  EXPECT_TRUE(weakness_of_key(to_base64(row)));
  EXPECT_FALSE(weakness_of_key("u1n2Zb0pU0wq3J8n3l5c9o2m7xQe4Rk6Vt1YyGhA5Dk="));
}

TEST(Secrets, APasswordOfAServerElsewhereIsNoneThatAnybodyGuesses) {
  const char* const strong = "7d1ce09eab0f2d2c1e8f7b3a6d50c94e7a61b2f3";
  const std::string weak[] = {"amqp://guest:guest@rabbitmq:5672/platform",
                              "http://tenantry-admin:broker@rabbitmq:15672",
                              "postgresql://tenantry_owner:postgres@db.internal/tenantry",
                              "postgresql://tenantry_owner:postgres@127.0.0.1,db.internal:5432/tenantry",
                              "postgresql://tenantry_owner@db.internal/tenantry?password=secret",
                              "postgresql://tenantry_owner:service@/tenantry?host=db.internal",
                              "postgresql://o:%63hange-me-change-me-change-me@db.internal/tenantry",
                              "host=db.internal user=o password='a b' dbname=tenantry",
                              "host=db.internal password=aaaaaaaaaaaaaaaaaaaaaaaa",
                              "amqp://u:" + std::string(strong).substr(0, 15) + "@[2001:db8::1]:5672/platform"};
  for (const auto& url : weak) {
    const auto rule = weakness_of_login(url);
    ASSERT_TRUE(rule) << url;
    EXPECT_TRUE(rule->starts_with("its password must ")) << url << ": " << *rule;
  }
  const std::string good[] = {std::string("amqps://u:") + strong + "@rabbitmq:5671/platform",
                              std::string("postgresql://o:") + strong + "@a.internal,b.internal/tenantry",
                              std::string("host=db.internal password=") + strong,
                              // of this machine's own, or without a password: by a certificate, or by who asks
                              "amqp://guest:guest@127.0.0.1:5672/platform", "amqp://guest:guest@localhost:5672",
                              "amqp://guest:guest@[::1]:5672", "postgresql://o:short@/tenantry?host=/run/postgresql",
                              "postgresql:///tenantry", "host=/run/postgresql password=short",
                              "postgresql://o@db.internal/tenantry?sslcert=client.crt", "", "%",
                              "postgresql://o:%4@localhost/"};
  for (const auto& url : good) EXPECT_EQ(weakness_of_login(url), std::nullopt) << url;
}

TEST(Secrets, TokensHaveNames) {
  const auto bare = named_tokens("0123");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->at(0).name, "super-admin");
  const auto two = named_tokens("anna:0123,ben@example.org:4567");
  ASSERT_TRUE(two);
  ASSERT_EQ(two->size(), 2U);
  EXPECT_EQ(two->at(1).name, "ben@example.org");
  EXPECT_EQ(two->at(1).token, "4567");
  EXPECT_FALSE(named_tokens("anna:1,anna:2"));
  EXPECT_FALSE(named_tokens("an na:1"));
  EXPECT_FALSE(named_tokens("1,2"));  // two without a name
}

}  // namespace
}  // namespace tenantry::config::secrets_test
