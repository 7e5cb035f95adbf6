// Stripe's webhook body as a domain event: which fact it states, about which tenant.
//
// Pure: the signature is checked before, the tenant is looked up after.
#pragma once

#include <google/protobuf/message.h>

#include <memory>
#include <string>
#include <string_view>

#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::gateway {

struct StripeFact {
  std::string event_id;
  std::string type;
  std::string account;
  Timestamp stated_at{};
  std::string tenant_id;
  std::string customer_id;
  std::string subscription_id;
  std::shared_ptr<google::protobuf::Message> message; /* null: a type without a rule */
};

Result<StripeFact> read_stripe_event(std::string_view raw_body);

}  // namespace tenantry::gateway
