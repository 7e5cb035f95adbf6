#include "workers/gateway/stripe/policy.h"

#include <gtest/gtest.h>

namespace tenantry::gateway::stripe_policy_test {
namespace {

const Timestamp now = from_unix_seconds(1'700'000'000);

// An event of our own account, of now.
StripeFact fact() {
  StripeFact fact;
  fact.event_id = "evt_1";
  fact.type = "invoice.paid";
  fact.stated_at = now;
  return fact;
}

std::string reason_of(void (*change)(StripeFact&), const StripePolicy& policy = {}) {
  auto changed = fact();
  change(changed);
  return reason_to_park(changed, policy, now);
}

TEST(StripePolicy, TakesOurOwn) {
  EXPECT_EQ(reason_of([](StripeFact&) {}), "");
}

// Whoever owns a connected account writes its metadata, and must not move a tenant of ours.
TEST(StripePolicy, ParksAForeignAccount) {
  const auto connected = [](StripeFact& fact) { fact.account = "acct_1"; };
  EXPECT_EQ(reason_of(connected), "foreign_account");
  EXPECT_EQ(reason_of(connected, {.accounts = {"acct_2"}}), "foreign_account");
  EXPECT_EQ(reason_of(connected, {.accounts = {"acct_2", "acct_1"}}), "");
}

TEST(StripePolicy, ParksTheOtherMode) {
  const auto live = [](StripeFact& fact) { fact.live = true; };
  const auto test = [](StripeFact&) {};
  EXPECT_EQ(reason_of(live, {.live = false}), "wrong_mode");
  EXPECT_EQ(reason_of(test, {.live = true}), "wrong_mode");
  EXPECT_EQ(reason_of(live, {.live = true}), "");
  EXPECT_EQ(reason_of(live), "");
}

TEST(StripePolicy, ParksTestClocks) {
  EXPECT_EQ(reason_of([](StripeFact& fact) { fact.of_test_clock = true; }), "test_clock");
}

TEST(StripePolicy, ParksTheFuture) {
  EXPECT_EQ(reason_of([](StripeFact& fact) { fact.stated_at = now + Days{1}; }), "");
  EXPECT_EQ(reason_of([](StripeFact& fact) { fact.stated_at = now + Days{1} + Seconds{1}; }), "future");
}

TEST(StripePolicy, ParksWhatCannotBeRead) {
  EXPECT_EQ(reason_of([](StripeFact& fact) { fact.unreadable = Error::invalid("/id", "required", "must be given"); }),
            "unreadable");
}

}  // namespace
}  // namespace tenantry::gateway::stripe_policy_test
