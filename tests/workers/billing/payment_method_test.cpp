// Goal: who pays hears in time that its card expires, and nobody else does; whatever the
// order in which Stripe's statements arrive.
#include "workers/billing/payment_method.h"

#include <gtest/gtest.h>

namespace tenantry::billing::payment_method_test {
namespace {

const Timestamp now = *from_rfc3339("2026-11-21T10:00:00Z");
const Timestamp march = *from_rfc3339("2027-04-01T00:00:00Z");

PaymentMethod card(const std::string& id, std::optional<Timestamp> expires_at, int stated_on = 0) {
  return {.stripe_payment_method_id = id,
          .tenant_id = "acme",
          .kind = "card",
          .expires_at = expires_at,
          .stated_at = now + Days{stated_on},
          .stripe_event_id = "evt_" + id + std::to_string(stated_on)};
}

TEST(PaymentMethod, IsGoodThroughItsMonth) {
  EXPECT_EQ(expiry_of(3, 2027), march);
  EXPECT_EQ(expiry_of(12, 2026), *from_rfc3339("2027-01-01T00:00:00Z"));
  EXPECT_EQ(expiry_of(0, 0), std::nullopt) << "what does not expire";
  EXPECT_EQ(expiry_of(13, 2027), std::nullopt);
}

TEST(PaymentMethod, WarnsAMonthAndAWeekAhead) {
  EXPECT_EQ(next_expiry_timer(card("pm", march), now), (ExpiryTimer{march - Days{30}, Days{30}}));
  EXPECT_EQ(next_expiry_timer(card("pm", march), march - Days{30}), (ExpiryTimer{march - Days{7}, Days{7}}));
  EXPECT_EQ(next_expiry_timer(card("pm", march), march - Days{7}), std::nullopt);
  EXPECT_EQ(next_expiry_timer(card("pm", std::nullopt), now), std::nullopt);
  auto gone = card("pm", march);
  gone.detached = true;
  EXPECT_EQ(next_expiry_timer(gone, now), std::nullopt);
}

TEST(PaymentMethod, NewestStatementHolds) {
  std::vector<PaymentMethod> methods;
  EXPECT_TRUE(book(methods, card("pm", march, 1)));
  EXPECT_FALSE(book(methods, card("pm", std::nullopt, 0))) << "older";
  EXPECT_FALSE(book(methods, card("pm", march, 1))) << "again";
  auto gone = card("pm", std::nullopt, 1);
  gone.detached = true;
  EXPECT_TRUE(book(methods, gone)) << "of the same second: it is gone";
  ASSERT_EQ(methods.size(), 1U);
  EXPECT_TRUE(methods[0].detached);
  EXPECT_EQ(methods[0].expires_at, march);
}

TEST(PaymentMethod, TellsWhoIsToPayAndHasNothingElse) {
  const auto expiring = card("pm_1", march);
  const Tenancy active{.status = tenancy::Status::active, .price_minor = 4900};
  EXPECT_TRUE(warns(expiring, {expiring}, active));
  EXPECT_TRUE(warns(expiring, {expiring, card("pm_2", march)}, active)) << "both end that day";
  EXPECT_FALSE(warns(expiring, {expiring, card("pm_2", march + Days{30})}, active));
  EXPECT_FALSE(warns(expiring, {expiring, card("iban", std::nullopt)}, active));
  auto gone = card("pm_2", march + Days{30});
  gone.detached = true;
  EXPECT_TRUE(warns(expiring, {expiring, gone}, active));
  EXPECT_FALSE(warns(expiring, {expiring}, {.status = tenancy::Status::active, .price_minor = 0}));
  EXPECT_FALSE(warns(expiring, {expiring}, {.status = tenancy::Status::cancelled, .price_minor = 4900}));
  EXPECT_FALSE(
      warns(expiring, {expiring}, {.status = tenancy::Status::active, .price_minor = 4900, .unbilled_until = march}));
}

}  // namespace
}  // namespace tenantry::billing::payment_method_test
