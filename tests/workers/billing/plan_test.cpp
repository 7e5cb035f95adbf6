#include "workers/billing/plan.h"

#include <gtest/gtest.h>

#include "workers/billing/statement.h"

namespace tenantry::billing {
namespace {

const std::vector<PricedPlan> catalogue = {{"STARTER", 1, 4900, {"price_starter"}},
                                           {"STARTER", 2, 5900, {"price_starter", "price_starter_2"}},
                                           {"PROFESSIONAL", 1, 14900, {"price_professional"}},
                                           {"ENTERPRISE", 1, 49900, {"price_enterprise"}}};
const Tenancy on_starter_1{.plan = "STARTER", .plan_version = 1};

Subscription with(std::string status, std::vector<std::string> prices, std::string id = "sub_1") {
  Subscription out{.stripe_subscription_id = std::move(id), .tenant_id = "acme", .status = std::move(status)};
  for (auto& price : prices) out.items.push_back({"si", std::move(price), 1});
  return out;
}

struct Row {
  const char* name;
  std::vector<Subscription> subscriptions;
  const char* plan;  // "" : what it has
};
class PriceDecides : public testing::TestWithParam<Row> {};
TEST_P(PriceDecides, ThePlan) {
  Facts facts;
  for (const auto& each : GetParam().subscriptions) book(facts.subscriptions, each);
  const auto* plan = plan_of(facts, on_starter_1, catalogue);
  EXPECT_EQ(plan == nullptr ? "" : plan->plan + " " + std::to_string(plan->version), GetParam().plan);
}
INSTANTIATE_TEST_SUITE_P(
    , PriceDecides,
    testing::Values(
        Row{"OfTheItemThatAPlanNames", {with("active", {"price_metered", "price_professional"})}, "PROFESSIONAL 1"},
        Row{"OfTheDearestItem", {with("active", {"price_starter", "price_enterprise"})}, "ENTERPRISE 1"},
        Row{"OfNoneThatIsUnknown", {with("active", {"price_metered"})}, ""},
        Row{"OfATrial", {with("trialing", {"price_enterprise"})}, "ENTERPRISE 1"},
        Row{"StillWhilePastDue", {with("past_due", {"price_enterprise"})}, "ENTERPRISE 1"},
        Row{"NotBeforeItIsPaid", {with("incomplete", {"price_enterprise"})}, ""},
        Row{"NotAfterItsEnd", {with("canceled", {"price_enterprise"})}, ""},
        Row{"OfThePaidBeforeTheTried",
            {with("trialing", {"price_enterprise"}, "sub_a"), with("active", {"price_professional"}, "sub_b")},
            "PROFESSIONAL 1"},
        Row{"KeepsTheVersionThatTheTenantHas", {with("active", {"price_starter"})}, "STARTER 1"},
        Row{"TakesTheVersionThatSellsThePrice", {with("active", {"price_starter_2"})}, "STARTER 2"}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace tenantry::billing
