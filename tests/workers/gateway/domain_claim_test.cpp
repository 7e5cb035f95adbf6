// Goal: a domain is a tenant's while the DNS proves it, is lost three days after the proof is
// gone, and never for the DNS's silence.
#include <gtest/gtest.h>

#include "workers/gateway/domains/claim.h"

namespace tenantry::gateway::domain_claim_test {
namespace {

using Kind = dns::TxtAnswer::Kind;

const Timestamp now = from_unix_seconds(1'800'000'000);
const dns::TxtAnswer proof{.kind = Kind::found, .texts = {"v=spf1 -all", "tenantry-verification=t0ken"}};
const dns::TxtAnswer others{.kind = Kind::found, .texts = {"tenantry-verification=of-somebody-else"}};
const dns::TxtAnswer nothing{.kind = Kind::absent};
const dns::TxtAnswer silence{.kind = Kind::failed};

DomainVerdict judged(const DomainClaim& claim, const dns::TxtAnswer& answer, Timestamp at = now) {
  return judge(claim, answer, "t0ken", at);
}

TEST(DomainClaim, IsProvenByItsTextAmongOthers) {
  for (const auto state : {DomainState::pending, DomainState::verified, DomainState::lost}) {
    const auto verdict = judged({.state = state, .asked_at = now, .missing_since = now}, proof);
    EXPECT_EQ(verdict.state, DomainState::verified);
    EXPECT_EQ(verdict.missing_since, std::nullopt);
    EXPECT_GT(verdict.next_check_at, now);
  }
  EXPECT_EQ(judged({.asked_at = now}, others).problem, "wrong");
  EXPECT_EQ(judged({.asked_at = now}, nothing).problem, "not_found");
  EXPECT_EQ(judged({.asked_at = now}, silence).problem, "no_answer");
}

TEST(DomainClaim, IsLookedAtLessAndLessAndThenNoMore) {
  DomainClaim claim{.asked_at = now};
  auto at = now;
  auto wait = Microseconds{0};
  int checks = 0;
  for (; const auto next = judged(claim, nothing, at).next_check_at; ++checks) {
    EXPECT_GE(*next - at, std::min<Microseconds>(wait, Seconds{3'600})) << "never more often than before";
    wait = *next - at;
    at = *next;
    ++claim.checks;
    ASSERT_LT(checks, 1'000);
  }
  EXPECT_GE(at, now + Days{7});
  EXPECT_LT(checks, 200);
}

TEST(DomainClaim, IsLostThreeDaysAfterItsProofIsGone) {
  DomainClaim claim{.state = DomainState::verified, .asked_at = now};
  const auto first = judged(claim, nothing);
  EXPECT_EQ(first.state, DomainState::verified);
  EXPECT_EQ(first.missing_since, now);
  claim.missing_since = first.missing_since;
  EXPECT_EQ(judged(claim, others, now + Days{2}).state, DomainState::verified);
  EXPECT_EQ(judged(claim, nothing, now + Days{3}).state, DomainState::lost);
  EXPECT_EQ(judged(claim, nothing, now + Days{2} + Seconds{86'000}).next_check_at, now + Days{3}) << "not a day late";
}

TEST(DomainClaim, IsNotLostForSilence) {
  const DomainClaim claim{.state = DomainState::verified, .asked_at = now, .missing_since = now};
  const auto verdict = judged(claim, silence, now + Days{10});
  EXPECT_EQ(verdict.state, DomainState::verified);
  EXPECT_EQ(verdict.missing_since, now) << "what was known before stays known";
}

}  // namespace
}  // namespace tenantry::gateway::domain_claim_test
