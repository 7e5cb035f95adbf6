#include "workers/gateway/domains/claim.h"

#include <algorithm>
#include <array>

#include "shared/core/assert.h"

namespace tenantry::gateway {
namespace {

constexpr std::array<std::string_view, 3> state_names = {"pending", "verified", "lost"};

constexpr Days lost_after{3};
constexpr Days tried_for{7};       // without anybody's asking
constexpr Seconds first_wait{15};  // doubling
constexpr Seconds longest_wait{3'600};
constexpr Seconds silence_wait{300};      // after no answer
constexpr Seconds verified_wait{21'600};  // six hours
constexpr int doublings_max = 10;

std::string_view problem_of(const dns::TxtAnswer& answer) {
  switch (answer.kind) {
    case dns::TxtAnswer::Kind::found:
      return "wrong";
    case dns::TxtAnswer::Kind::absent:
      return "not_found";
    case dns::TxtAnswer::Kind::failed:
      return "no_answer";
  }
  TENANTRY_ASSERT(false && "Kind is exhaustive");
}

DomainVerdict judge_verified(const DomainClaim& claim, const dns::TxtAnswer& answer, Timestamp now) {
  DomainVerdict verdict{.state = DomainState::verified, .problem = problem_of(answer)};
  if (answer.kind == dns::TxtAnswer::Kind::failed) {
    verdict.missing_since = claim.missing_since;
    verdict.next_check_at = now + silence_wait;
    return verdict;
  }
  verdict.missing_since = claim.missing_since.value_or(now);
  verdict.next_check_at = std::min<Timestamp>(now + longest_wait, *verdict.missing_since + lost_after);
  if (now < *verdict.missing_since + lost_after) return verdict;
  return {.state = DomainState::lost, .problem = verdict.problem};
}

}  // namespace

std::string_view to_string(DomainState state) {
  return state_names[static_cast<std::size_t>(state)];
}

DomainState domain_state_from(std::string_view text) {
  const auto* const at = std::ranges::find(state_names, text);
  TENANTRY_ASSERT(at != state_names.end());
  return static_cast<DomainState>(at - state_names.begin());
}

std::string proof_name(std::string_view domain) {
  return "_tenantry." + std::string(domain);
}

std::string proof_text(std::string_view token) {
  return "tenantry-verification=" + std::string(token);
}

std::optional<Timestamp> look_again(const DomainClaim& claim, Timestamp now) {
  if (now >= claim.asked_at + tried_for) return std::nullopt;
  return now + std::min(longest_wait, first_wait * (1 << std::min(claim.checks, doublings_max)));
}

DomainVerdict judge(const DomainClaim& claim, const dns::TxtAnswer& answer, std::string_view token, Timestamp now) {
  if (std::ranges::find(answer.texts, proof_text(token)) != answer.texts.end()) {
    return {.state = DomainState::verified, .next_check_at = now + verified_wait};
  }
  if (claim.state == DomainState::verified) return judge_verified(claim, answer, now);
  return {.state = claim.state, .problem = problem_of(answer), .next_check_at = look_again(claim, now)};
}

}  // namespace tenantry::gateway
