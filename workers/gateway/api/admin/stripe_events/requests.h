// What super-admins want done with an event of Stripe's that is parked. Pure.
#pragma once

#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry::gateway {

struct StripeEventAction {
  std::string reason;
  std::string tenant_id;  // of an assignment; else ""
};
Result<StripeEventAction> parse_stripe_event_reason(std::string_view body, bool required);
Result<StripeEventAction> parse_stripe_event_assignment(std::string_view body);

}  // namespace tenantry::gateway
