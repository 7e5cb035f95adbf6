#include "workers/billing/dunning.h"

#include <algorithm>

namespace tenantry::billing {
namespace {

constexpr Days attempt_told_within{1};  // after it, Stripe has told what came of it

Timestamp suspend_at(Timestamp lapse, std::optional<Timestamp> warned_at, const DunningPolicy& policy) {
  const auto by_policy = lapse + policy.suspend_on;
  return warned_at ? std::max<Timestamp>(by_policy, *warned_at + policy.notice) : by_policy;
}

DunningEffects remind(const DunningDay& due, Days day, Days next_day, const DunningPolicy& policy, Timestamp now) {
  const auto warned_at = due.warned_at.value_or(now);
  const auto ends_at = suspend_at(due.lapse, warned_at, policy);
  const auto next_at = next_day == policy.suspend_on ? ends_at : due.lapse + next_day;
  return {.remind = day, .suspend_at = ends_at, .next = DunningTimer{next_day, next_at, warned_at}};
}

DunningEffects on_last_day(const Tenancy& tenancy, const DunningDay& due, const DunningPolicy& policy, Timestamp now) {
  if (tenancy.held_until) return {.next = DunningTimer{due.day, *tenancy.held_until, due.warned_at}};
  if (!takes_reminders(tenancy.status)) return {.suspend = true};
  const bool never_warned = !due.warned_at && !policy.remind_on.empty();
  if (never_warned) return remind(due, policy.remind_on.back(), policy.suspend_on, policy, now);
  const auto ends_at = suspend_at(due.lapse, due.warned_at, policy);
  if (now < ends_at) return {.next = DunningTimer{due.day, ends_at, due.warned_at}};
  const bool awaited = due.next_attempt_at && *due.next_attempt_at <= ends_at + policy.notice;
  if (awaited && now < *due.next_attempt_at + attempt_told_within) {
    return {.next = DunningTimer{due.day, *due.next_attempt_at + attempt_told_within, due.warned_at}};
  }
  return {.suspend = true};
}

}  // namespace

bool takes_reminders(tenancy::Status status) {
  switch (status) {
    case tenancy::Status::active:
      return true;
    case tenancy::Status::pending:
    case tenancy::Status::trial:
    case tenancy::Status::suspended:
    case tenancy::Status::cancelled:
    case tenancy::Status::deleted:
      return false;
  }
  TENANTRY_ASSERT(false && "Status is exhaustive");
}

DunningTimer first_dunning_timer(Timestamp past_due_since, const DunningPolicy& policy) {
  const Days day = policy.remind_on.empty() ? policy.suspend_on : policy.remind_on.front();
  return {day, past_due_since + day};
}

DunningPolicy with_terms(DunningPolicy settings, const tenancy::DunningTerms& terms) {
  if (terms.suspend_on) settings.suspend_on = *terms.suspend_on;
  if (terms.notice) settings.notice = *terms.notice;
  if (terms.remind_on) settings.remind_on = *terms.remind_on;
  std::erase_if(settings.remind_on, [&](Days day) { return day >= settings.suspend_on; });
  return settings;
}

DunningTimer next_dunning_timer(Timestamp past_due_since, const DunningPolicy& policy, Timestamp now) {
  const auto ahead = std::ranges::find_if(policy.remind_on, [&](Days day) { return past_due_since + day > now; });
  const auto day = ahead == policy.remind_on.end() ? policy.suspend_on : *ahead;
  return {day, std::max<Timestamp>(past_due_since + day, now)};
}

DunningEffects on_dunning_due(const Account& account, const Tenancy& tenancy, const DunningDay& due,
                              const DunningPolicy& policy, Timestamp now) {
  if (account.past_due_since != due.lapse || tenancy.price_minor == 0) return {};
  if (tenancy.unbilled_until) return {.next = DunningTimer{due.day, *tenancy.unbilled_until, due.warned_at}};
  if (due.day >= policy.suspend_on) return on_last_day(tenancy, due, policy, now);

  // The policy may have changed since the timer was set: look ahead from its day, not its index.
  const auto next = std::ranges::upper_bound(policy.remind_on, due.day);
  const Days next_day = next == policy.remind_on.end() ? policy.suspend_on : *next;
  const bool next_has_passed = next_day < policy.suspend_on && now >= due.lapse + next_day;
  if (next_has_passed || !takes_reminders(tenancy.status)) {
    return {.next = DunningTimer{next_day, due.lapse + next_day, due.warned_at}};
  }
  return remind(due, due.day, next_day, policy, now);
}

}  // namespace tenantry::billing
