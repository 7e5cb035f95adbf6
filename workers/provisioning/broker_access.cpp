#include "workers/provisioning/broker_access.h"

#include <algorithm>

namespace tenantry::provisioning {
namespace {

// When the first that is newer has been good for as long as the two may be side by side.
std::optional<Timestamp> deadline_of(const BrokerUser& user, std::span<const BrokerUser> users,
                                     const AccessPolicy& policy) {
  std::optional<Timestamp> first;
  for (const auto& other : users) {
    if (other.number <= user.number || !other.valid_at) continue;
    first = std::min(first.value_or(*other.valid_at), *other.valid_at);
  }
  if (first) *first += policy.overlap;
  return first;
}

}  // namespace

std::string_view end_of(const BrokerUser& user, std::span<const BrokerUser> users, Timestamp now,
                        const AccessPolicy& policy) {
  if (!user.ended.empty()) return user.ended;
  const bool replaced = std::ranges::any_of(
      users, [&](const BrokerUser& other) { return other.number > user.number && other.used_at.has_value(); });
  if (replaced) return "replaced";
  const auto deadline = deadline_of(user, users, policy);
  return deadline && *deadline <= now ? "expired" : "";
}

std::optional<Timestamp> next_look(std::span<const BrokerUser> users, Timestamp now, const AccessPolicy& policy) {
  std::optional<Timestamp> look;
  for (const auto& user : users) {
    const auto deadline = deadline_of(user, users, policy);
    if (!deadline || !user.ended.empty()) continue;
    const auto since = std::chrono::duration_cast<Milliseconds>(now - (*deadline - policy.overlap));
    const auto wait = std::clamp(since / 4, policy.look_first, policy.look_at_last);
    const auto at = std::max(std::min(now + wait, *deadline), now + policy.look_first);
    look = std::min(look.value_or(at), at);
  }
  return look;
}

}  // namespace tenantry::provisioning
