// Plan: which plan of the catalogue a tenant's subscriptions pay for.
//
// Pure: no clock, database or broker.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "workers/billing/subscription.h"

namespace tenantry::billing {

// A version of a plan, as far as its price decides.
struct PricedPlan {
  std::string plan;
  int version = 0;
  std::int64_t price_minor = 0;
  std::vector<std::string> stripe_price_ids{};
};

// The plan that an item of a subscription in force names; of several the dearest, of
// its versions the tenant's own, else the newest. Null: no price says anything, and
// the tenant keeps what it has.
const Subscription* seller_of(const Facts& facts, const PricedPlan& plan);  // one that has its price; null: none
const PricedPlan* plan_of(const Facts& facts, const Tenancy& tenancy, std::span<const PricedPlan> plans);

}  // namespace tenantry::billing
