#include "workers/gateway/edge/api_key_uses.h"

#include <gtest/gtest.h>

namespace tenantry::gateway::api_key_uses_test {
namespace {

const Timestamp start = from_unix_seconds(1'800'000'000);

ApiKeyEntry key(const std::string& id, std::string_view secret = "1") {
  return {.key_id = id, .secret_hash = crypto::sha256(as_bytes(id + "/" + std::string(secret)))};
}

// Goal: the first use is written at once, the next ones a minute later, in one.
TEST(ApiKeyUses, AreWrittenOnceAMinute) {
  ApiKeyUses uses;
  uses.note(key("a"), "192.0.2.1", start);
  auto due = uses.take(Milliseconds{0});
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].count, 1);
  for (int i = 1; i <= 50; ++i) uses.note(key("a"), "192.0.2." + std::to_string(i), start + Seconds{i});
  EXPECT_TRUE(uses.take(Milliseconds{59'999}).empty());
  due = uses.take(Milliseconds{60'000});
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].count, 50);
  EXPECT_EQ(due[0].at, start + Seconds{50});
  EXPECT_EQ(due[0].address, "192.0.2.50");
  EXPECT_TRUE(uses.take(Milliseconds{120'000}).empty());
}

TEST(ApiKeyUses, TellTheTwoSecretsOfAKeyApart) {
  ApiKeyUses uses;
  uses.note(key("a", "1"), "192.0.2.1", start);
  uses.note(key("a", "2"), "192.0.2.1", start);
  EXPECT_EQ(uses.take(Milliseconds{0}).size(), 2U);
}

TEST(ApiKeyUses, AreNotLostWhereTheyCouldNotBeWritten) {
  ApiKeyUses uses;
  uses.note(key("a"), "192.0.2.1", start);
  uses.give_back(uses.take(Milliseconds{0}));
  uses.note(key("a"), "192.0.2.1", start + Seconds{1});
  const auto due = uses.take(Milliseconds{1'000});
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].count, 2);
}

TEST(ApiKeyUses, AreBounded) {
  ApiKeyUses uses;
  for (std::size_t i = 0; i <= ApiKeyUses::keys_max; ++i) uses.note(key(std::to_string(i)), "", start);
  EXPECT_EQ(uses.take(Milliseconds{0}).size(), ApiKeyUses::keys_max);
  uses.take(Milliseconds{60'000});  // nobody uses them any more
  uses.note(key("new"), "", start);
  EXPECT_EQ(uses.take(Milliseconds{60'001}).size(), 1U);
}

}  // namespace
}  // namespace tenantry::gateway::api_key_uses_test
