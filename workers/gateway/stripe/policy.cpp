#include "workers/gateway/stripe/policy.h"

#include <algorithm>

#include "shared/core/rare.h"

namespace tenantry::gateway {

std::string reason_to_park(const StripeFact& fact, const StripePolicy& policy, Timestamp now) {
  if (fact.unreadable) return "unreadable";
  const bool ours = fact.account.empty() || std::ranges::find(policy.accounts, fact.account) != policy.accounts.end();
  if (!ours && !rare::is(rare::Mutant::account_believed)) return "foreign_account";
  if (policy.live && fact.live != *policy.live) return "wrong_mode";
  if (fact.of_test_clock) return "test_clock";
  if (fact.stated_at > now + stated_ahead_max) return "future";
  return {};
}

}  // namespace tenantry::gateway
