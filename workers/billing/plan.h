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

// What a price says of the tenant's plan.
struct Named {
  const PricedPlan* plan = nullptr;  // null: no price says anything, and the tenant keeps what it has
  const Subscription* by = nullptr;
  bool in_force = false;  // else its subscription is over: it was the last that was in force
};

// The plan that an item of a subscription in force names; of several the dearest, of its
// versions the tenant's own, else the newest. Where none is in force, what the last one
// named, so that it does not matter whether its end was heard of first.
Named plan_of(const Facts& facts, const Tenancy& tenancy, std::span<const PricedPlan> plans);

// As it is kept of an account: a plan's name, with "~" behind it where its subscription is over.
std::string written(const Named& named);

// Whether it says another plan than what was heard before, or the same of a subscription that began anew. What
// somebody chose meanwhile stands otherwise.
bool is_news(const Named& named, std::string_view heard);

}  // namespace tenantry::billing
