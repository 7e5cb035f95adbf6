// Goal: an older login is good until a newer one is used or its hour is over, and never ends without one that works.
#include "workers/provisioning/broker_access.h"

#include <gtest/gtest.h>

namespace tenantry::provisioning::broker_access_test {
namespace {

const auto start = from_unix_seconds(1'800'000'000);
const AccessPolicy policy;

BrokerUser login(int number, std::optional<Timestamp> valid_at = start, std::optional<Timestamp> used_at = {}) {
  return {.number = number, .password_hash = {}, .valid_at = valid_at, .used_at = used_at, .ended = {}};
}

std::string ends(const std::vector<BrokerUser>& users, Timestamp now) {
  std::string out;
  for (const auto& user : users) {
    const auto why = end_of(user, users, now, policy);
    if (!why.empty()) (out += std::to_string(user.number) + " ") += std::string(why) + " ";
  }
  return out;
}

TEST(BrokerAccess, TheOnlyLoginNeverEnds) {
  EXPECT_EQ(ends({login(1)}, start + Days{400}), "");
  EXPECT_EQ(next_look(std::vector{login(1)}, start, policy), std::nullopt);
}

TEST(BrokerAccess, AnOlderOneIsGoodForAnHourBesideANewerOne) {
  const std::vector users{login(1), login(2, start + Seconds{10})};
  EXPECT_EQ(ends(users, start + Seconds{3609}), "");
  EXPECT_EQ(ends(users, start + Seconds{3610}), "1 expired ");
}

TEST(BrokerAccess, TheFirstUseOfANewerOneEndsAllBeforeIt) {
  EXPECT_EQ(ends({login(1), login(2), login(3, start, start)}, start), "1 replaced 2 replaced ");
  EXPECT_EQ(ends({login(1), login(2, start, start), login(3)}, start), "1 replaced ");
}

TEST(BrokerAccess, AnOlderOneDoesNotEndBeforeTheBrokerKnowsANewerOne) {
  const std::vector users{login(1), login(2, std::nullopt)};
  EXPECT_EQ(ends(users, start + Days{2}), "");
  EXPECT_EQ(next_look(users, start, policy), std::nullopt);
}

TEST(BrokerAccess, AnEndThatWasDecidedStays) {
  auto ended = login(1);
  ended.ended = "replaced";
  EXPECT_EQ(ends({ended, login(2)}, start), "1 replaced ");
  EXPECT_EQ(next_look(std::vector{ended, login(2)}, start, policy), std::nullopt);
}

TEST(BrokerAccess, LooksGetRarerAndTheLastIsAtTheDeadline) {
  const std::vector users{login(1), login(2)};
  EXPECT_EQ(next_look(users, start, policy), start + Seconds{1});
  EXPECT_EQ(next_look(users, start + Seconds{40}, policy), start + Seconds{50});
  EXPECT_EQ(next_look(users, start + Seconds{1800}, policy), start + Seconds{1860});
  EXPECT_EQ(next_look(users, start + Seconds{3590}, policy), start + Seconds{3600});
  EXPECT_EQ(next_look(users, start + Seconds{3600}, policy), start + Seconds{3601});
  int looks = 0;
  for (auto now = start; now < start + policy.overlap; ++looks) now = *next_look(users, now, policy);
  EXPECT_LT(looks, 90);
}

}  // namespace
}  // namespace tenantry::provisioning::broker_access_test
