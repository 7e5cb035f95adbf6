// Because: what of Stripe's led to a decision, as its event tells it.
#pragma once

#include <string>

namespace tenantry::events::v1 {
class Because;
}

namespace tenantry::tenancy {

// docs/money.md lists the rules.
struct Because {
  std::string rule{};             // "": nothing of Stripe's did
  std::string object_id{};        // the subscription, invoice or payment that it was applied to
  std::string stripe_event_id{};  // whose statement counts
  std::string beaten_event_id{};  // an earlier statement about the same object, which this one beat
  bool operator==(const Because&) const = default;
};

events::v1::Because to_proto(const Because& because);

}  // namespace tenantry::tenancy
