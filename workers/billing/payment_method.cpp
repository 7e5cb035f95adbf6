#include "workers/billing/payment_method.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace tenantry::billing {
namespace {

constexpr std::array warn_before = {Days{30}, Days{7}};  // the longest first

bool is_newer(const PaymentMethod& left, const PaymentMethod& right) {
  return std::tie(left.stated_at, left.detached, left.stripe_event_id) >
         std::tie(right.stated_at, right.detached, right.stripe_event_id);
}

}  // namespace

std::optional<Timestamp> expiry_of(int month, int year) {
  if (month < 1 || month > 12 || year < 1970 || year > 9998) return std::nullopt;
  const auto after =
      std::chrono::year{year} / std::chrono::month{static_cast<unsigned>(month)} + std::chrono::months{1};
  return Timestamp{std::chrono::sys_days{after / std::chrono::day{1}}};
}

bool book(std::vector<PaymentMethod>& methods, const PaymentMethod& statement) {
  const auto known =
      std::ranges::find(methods, statement.stripe_payment_method_id, &PaymentMethod::stripe_payment_method_id);
  if (known == methods.end()) {
    methods.push_back(statement);
    return true;
  }
  if (!is_newer(statement, *known)) return false;
  // What is detached is told without what it was.
  auto expires_at = statement.detached && !statement.expires_at ? known->expires_at : statement.expires_at;
  *known = statement;
  known->expires_at = expires_at;
  return true;
}

std::optional<ExpiryTimer> next_expiry_timer(const PaymentMethod& method, Timestamp now) {
  if (method.detached || !method.expires_at || *method.expires_at <= now) return std::nullopt;
  for (const auto before : warn_before) {
    const auto at = *method.expires_at - before;
    if (at > now) return ExpiryTimer{at, before};
  }
  return std::nullopt;
}

bool warns(const PaymentMethod& method, const std::vector<PaymentMethod>& of_tenant, const Tenancy& tenancy) {
  const bool to_pay = tenancy.price_minor > 0 && !tenancy.unbilled_until &&
                      (tenancy.status == tenancy::Status::trial || tenancy.status == tenancy::Status::active);
  if (!to_pay || method.detached || !method.expires_at) return false;
  return std::ranges::none_of(of_tenant, [&](const PaymentMethod& each) {
    return !each.detached && (!each.expires_at || *each.expires_at > *method.expires_at);
  });
}

}  // namespace tenantry::billing
