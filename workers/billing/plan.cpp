#include "workers/billing/plan.h"

#include <algorithm>
#include <tuple>

#include "workers/billing/statement.h"

namespace tenantry::billing {
namespace {

// What is paid counts before what is owed, and that before what is only tried; 0: not in force.
int force_of(const Subscription& subscription) {
  switch (says(subscription)) {
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

bool is_pinned(const PricedPlan& plan, const Tenancy& tenancy) {
  return plan.plan == tenancy.plan && plan.version == tenancy.plan_version;
}

bool sells(const PricedPlan& plan, const Subscription& subscription) {
  return std::ranges::any_of(subscription.items, [&](const SubscriptionItem& item) {
    return std::ranges::find(plan.stripe_price_ids, item.price_id) != plan.stripe_price_ids.end();
  });
}

}  // namespace

const Subscription* seller_of(const Facts& facts, const PricedPlan& plan) {
  const auto seller = std::ranges::find_if(
      facts.subscriptions, [&](const Subscription& each) { return force_of(each) > 0 && sells(plan, each); });
  return seller == facts.subscriptions.end() ? nullptr : &*seller;
}

const PricedPlan* plan_of(const Facts& facts, const Tenancy& tenancy, std::span<const PricedPlan> plans) {
  const PricedPlan* best = nullptr;
  int force = 0;
  const auto is_better = [&](const PricedPlan& left, const PricedPlan& right) {
    if (left.plan != right.plan) return std::tie(left.price_minor, left.plan) > std::tie(right.price_minor, right.plan);
    return std::pair(is_pinned(left, tenancy), left.version) > std::pair(is_pinned(right, tenancy), right.version);
  };
  for (const auto& subscription : facts.subscriptions) {
    const int here = force_of(subscription);
    if (here == 0 || here < force) continue;
    for (const auto& plan : plans) {
      if (!sells(plan, subscription)) continue;
      if (best != nullptr && here == force && !is_better(plan, *best)) continue;
      best = &plan;
      force = here;
    }
  }
  return best;
}

}  // namespace tenantry::billing
