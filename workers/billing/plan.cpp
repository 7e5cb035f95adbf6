#include "workers/billing/plan.h"

#include <algorithm>
#include <tuple>

#include "workers/billing/statement.h"

namespace tenantry::billing {
namespace {

// What is paid counts before what is owed, and that before what is only tried; 0: not in force.
int force_of(Says said) {
  switch (said) {
    case Says::good:
      return 3;
    case Says::owed:
      return 2;
    case Says::trial:
      return 1;
    case Says::nothing:
    case Says::given_up:
    case Says::trial_expired:
    case Says::paused:
    case Says::ended:
      return 0;
  }
  TENANTRY_ASSERT(false && "Says is exhaustive");
}

int force_of(const Subscription& subscription) {
  return force_of(says(subscription));
}

// Of a status alone: why it was paused then is not kept, and no pause is in force.
int force_of(const std::string& status) {
  return status == "paused" ? 0 : force_of(says({.stripe_subscription_id = {}, .tenant_id = {}, .status = status}));
}

bool is_pinned(const PricedPlan& plan, const Tenancy& tenancy) {
  return plan.plan == tenancy.plan && plan.version == tenancy.plan_version;
}

bool sells(const PricedPlan& plan, const Subscription& subscription) {
  return std::ranges::any_of(subscription.items, [&](const SubscriptionItem& item) {
    return std::ranges::find(plan.stripe_price_ids, item.price_id) != plan.stripe_price_ids.end();
  });
}

bool was_in_force(const Subscription& subscription) {
  return std::ranges::any_of(subscription.history,
                             [](const Standing& standing) { return force_of(standing.status) > 0; });
}

bool is_better(const PricedPlan& left, const PricedPlan& right, const Tenancy& tenancy) {
  if (left.plan != right.plan) return std::tie(left.price_minor, left.plan) > std::tie(right.price_minor, right.plan);
  return std::pair(is_pinned(left, tenancy), left.version) > std::pair(is_pinned(right, tenancy), right.version);
}

// The dearest of its items'; null: no item names one.
const PricedPlan* sold_by(const Subscription& subscription, const Tenancy& tenancy, std::span<const PricedPlan> plans) {
  const PricedPlan* best = nullptr;
  for (const auto& plan : plans) {
    if (sells(plan, subscription) && (best == nullptr || is_better(plan, *best, tenancy))) best = &plan;
  }
  return best;
}

Named named_in_force(const Facts& facts, const Tenancy& tenancy, std::span<const PricedPlan> plans) {
  Named out{.in_force = true};
  for (const auto& subscription : facts.subscriptions) {
    const auto* plan = force_of(subscription) > 0 ? sold_by(subscription, tenancy, plans) : nullptr;
    if (plan == nullptr) continue;
    const int more = out.plan == nullptr ? 1 : force_of(subscription) - force_of(*out.by);
    if (more > 0 || (more == 0 && is_better(*plan, *out.plan, tenancy))) out = {plan, &subscription, true};
  }
  return out;
}

Named named_last(const Facts& facts, const Tenancy& tenancy, std::span<const PricedPlan> plans) {
  Named out;
  for (const auto& subscription : facts.subscriptions) {
    const auto* plan = was_in_force(subscription) ? sold_by(subscription, tenancy, plans) : nullptr;
    if (plan == nullptr) continue;
    if (out.plan == nullptr || subscription.stated_at > out.by->stated_at) out = {plan, &subscription, false};
  }
  return out;
}

}  // namespace

Named plan_of(const Facts& facts, const Tenancy& tenancy, std::span<const PricedPlan> plans) {
  const auto named = named_in_force(facts, tenancy, plans);
  return named.plan != nullptr ? named : named_last(facts, tenancy, plans);
}

std::string written(const Named& named) {
  if (named.plan == nullptr) return {};
  return named.in_force ? named.plan->plan : named.plan->plan + "~";
}

bool is_news(const Named& named, std::string_view heard) {
  if (named.plan == nullptr) return false;
  const bool was_over = heard.ends_with('~');
  if (was_over) heard.remove_suffix(1);
  return heard != named.plan->plan || (was_over && named.in_force);
}

}  // namespace tenantry::billing
