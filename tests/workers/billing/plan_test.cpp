#include "workers/billing/plan.h"

#include <gtest/gtest.h>

#include "workers/billing/statement.h"

namespace tenantry::billing::plan_test {
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
  const auto named = plan_of(facts, on_starter_1, catalogue);
  EXPECT_EQ(named.plan == nullptr ? "" : written(named) + " " + std::to_string(named.plan->version), GetParam().plan);
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

// Whichever of its statements is heard first, the last subscription's price has said what the plan is.
TEST(PricedPlan, TheSameWhereTheEndIsHeardOfFirst) {
  const auto at = from_unix_seconds(1'800'000'000);
  auto active = with("active", {"price_enterprise"});
  active.stated_at = at;
  auto ended = with("canceled", {"price_enterprise"});
  ended.stated_at = at + Days{1};
  auto later = with("active", {"price_professional"}, "sub_2");
  later.stated_at = at + Days{2};
  auto later_ended = later;
  later_ended.status = "canceled";
  later_ended.stated_at = at + Days{3};
  const auto heard = [](const std::vector<Subscription>& statements) {
    Facts facts;
    std::string out;
    std::string before;
    for (const auto& each : statements) {
      book(facts.subscriptions, each);
      const auto named = plan_of(facts, on_starter_1, catalogue);
      if (is_news(named, before)) out = named.plan->plan;
      before = written(named);
    }
    return out + " " + before;
  };
  EXPECT_EQ(heard({active, ended}), "ENTERPRISE ENTERPRISE~");
  EXPECT_EQ(heard({ended, active}), "ENTERPRISE ENTERPRISE~");
  EXPECT_EQ(heard({active, ended, later, later_ended}), "PROFESSIONAL PROFESSIONAL~") << "the last, not the dearest";
  EXPECT_EQ(heard({later_ended, ended, later, active}), "PROFESSIONAL PROFESSIONAL~");
}

TEST(PricedPlan, WhenItChangesOrBeginsAnew) {
  const Named starter{.plan = &catalogue[0], .in_force = true};
  const Named over{.plan = &catalogue[0], .in_force = false};
  EXPECT_TRUE(is_news(starter, ""));
  EXPECT_TRUE(is_news(starter, "PROFESSIONAL"));
  EXPECT_FALSE(is_news(starter, "STARTER"));
  EXPECT_TRUE(is_news(starter, "STARTER~")) << "a subscription that begins anew";
  EXPECT_FALSE(is_news(over, "STARTER")) << "its end says nothing new";
  EXPECT_TRUE(is_news(over, "")) << "its end was heard of first";
  EXPECT_FALSE(is_news({}, "STARTER"));
}

}  // namespace
}  // namespace tenantry::billing::plan_test
