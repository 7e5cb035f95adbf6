#include "workers/gateway/edge/rate_limit.h"

#include <gtest/gtest.h>

namespace tenantry::gateway::rate_limit_test {
namespace {

TEST(WindowLimiter, AllowsExactlyTheLimitPerWindow) {
  WindowLimiter limiter(Seconds{60});
  Milliseconds now{5'000};
  for (int window = 0; window < 3; ++window) {
    int allowed = 0;
    for (int i = 0; i < 300; ++i) allowed += limiter.take("acme", 100, now + Milliseconds{i}).allowed ? 1 : 0;
    EXPECT_EQ(allowed, 100);
    now += Seconds{60};
  }
}

// What pages ask for is bounded for a session, and for all of a tenant's at once; a plan that has more has more.
TEST(ConsoleRates, AreOfASessionAndOfATenant) {
  EXPECT_EQ(console_rates(20).of_session, 300);
  EXPECT_EQ(console_rates(20).of_tenant, 1'200);
  EXPECT_EQ(console_rates(2'000).of_tenant, 2'000);
  EXPECT_EQ(console_rates(-1).of_tenant, -1);
  EXPECT_EQ(console_rates(-1).of_session, 300);
}

TEST(WindowLimiter, TellsWhatIsLeftAndWhen) {
  WindowLimiter limiter(Seconds{60});
  const auto first = limiter.take("acme", 2, Milliseconds{0});
  EXPECT_EQ(first.remaining, 1);
  EXPECT_EQ(first.resets_in, Seconds{60});
  EXPECT_TRUE(limiter.take("acme", 2, Milliseconds{100}).allowed);
  const auto refused = limiter.take("acme", 2, Milliseconds{30'500});
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.resets_in, Seconds{30});
  EXPECT_TRUE(limiter.take("beta", 2, Milliseconds{30'500}).allowed);
  EXPECT_TRUE(limiter.take("acme", 2, Milliseconds{60'000}).allowed);
}

TEST(WindowLimiter, MemoryIsBounded) {
  WindowLimiter limiter(Seconds{60}, 10);
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(limiter.take(std::to_string(i), 1, Milliseconds{i}).allowed);
}

using Outcome = LoginLimiter::Outcome;

void attempt(LoginLimiter& limiter, const std::string& account, const std::string& address, Outcome outcome,
             Milliseconds now) {
  EXPECT_FALSE(limiter.admit(account, address, now)) << account << " from " << address;
  limiter.settle(account, address, outcome, now);
}

// security.md L4
TEST(LoginLimiter, TheWaitGrowsAndTheOwnerStillGetsIn) {
  LoginLimiter limiter;
  Milliseconds now{0};
  attempt(limiter, "marie@acme.fr", "1.1.1.1", Outcome::right, now);
  for (int i = 0; i < LoginLimiter::failures_max; ++i) {
    attempt(limiter, "marie@acme.fr", "6.6.6." + std::to_string(i), Outcome::wrong, now);
  }
  const auto first = limiter.admit("marie@acme.fr", "6.6.6.99", now);
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, Seconds{1});
  now += *first;
  attempt(limiter, "marie@acme.fr", "6.6.6.99", Outcome::wrong, now);
  EXPECT_EQ(limiter.admit("marie@acme.fr", "6.6.6.99", now), Seconds{2});
  EXPECT_FALSE(limiter.admit("marie@acme.fr", "1.1.1.1", now));
  EXPECT_FALSE(limiter.admit("paul@acme.fr", "6.6.6.99", now));
}

TEST(LoginLimiter, GuessesMadeAtOnceAreNotMoreThanGuessesMadeOneByOne) {
  LoginLimiter limiter;
  const Milliseconds now{0};
  int admitted = 0;
  for (int i = 0; i < 100; ++i) admitted += limiter.admit("marie@acme.fr", "6.6.6.6", now) ? 0 : 1;
  EXPECT_EQ(admitted, LoginLimiter::failures_max);
  limiter.settle("marie@acme.fr", "6.6.6.6", Outcome::none, now);  // refused for another reason: no guess
  EXPECT_FALSE(limiter.admit("marie@acme.fr", "6.6.6.6", now));
  for (int i = 0; i < LoginLimiter::failures_max; ++i) {
    limiter.settle("marie@acme.fr", "6.6.6.6", Outcome::wrong, now);
  }
  EXPECT_TRUE(limiter.admit("marie@acme.fr", "6.6.6.6", now));
}

TEST(LoginLimiter, OneAddressAgainstManyAccountsWaits) {
  LoginLimiter limiter;
  for (int i = 0; i < LoginLimiter::address_failures_max; ++i) {
    attempt(limiter, "user" + std::to_string(i), "6.6.6.6", Outcome::wrong, Milliseconds{0});
  }
  EXPECT_TRUE(limiter.admit("another", "6.6.6.6", Milliseconds{0}));
  EXPECT_FALSE(limiter.admit("another", "1.1.1.1", Milliseconds{0}));
  EXPECT_FALSE(limiter.admit("another", "6.6.6.6", Milliseconds{LoginLimiter::forget_after}));
}

TEST(WindowLimiter, AKeyHasNoMoreThanItsTenant) {
  EXPECT_EQ(rate_of_key(60, 100), 60);
  EXPECT_EQ(rate_of_key(60, 20), 20);
  EXPECT_EQ(rate_of_key(60, -1), 60);
}

TEST(WindowLimiter, WhatIsGivenBackMayBeTakenAgain) {
  WindowLimiter limiter(Seconds{60});
  const Milliseconds now{0};
  EXPECT_TRUE(limiter.take("a", 2, now).allowed);
  EXPECT_TRUE(limiter.take("a", 2, now).allowed);
  EXPECT_FALSE(limiter.take("a", 2, now).allowed);
  limiter.give_back("a");
  EXPECT_TRUE(limiter.take("a", 2, now).allowed);
  EXPECT_FALSE(limiter.take("a", 2, now).allowed);
  limiter.give_back("b");  // of which nothing was taken
  EXPECT_TRUE(limiter.take("b", 1, now).allowed);
  EXPECT_FALSE(limiter.take("b", 1, now).allowed);
}

}  // namespace
}  // namespace tenantry::gateway::rate_limit_test
