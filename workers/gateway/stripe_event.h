// What a Stripe event says, in our own words: the event's raw JSON in, one message
// of the catalogue out.
//
// Pure: it verifies no signature, stores nothing and does not know which tenant a
// customer is. Objects of old and new API versions are read alike, and an id may
// be a string or the expanded object.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "shared/core/result.h"
#include "shared/core/time.h"

namespace google::protobuf {
class Message;
}

namespace tenantry::gateway {

struct StripeFact {
  std::string event_id;
  std::string type;       // Stripe's: "invoice.paid"
  std::string account;    // of Connect; "" for our own
  Timestamp stated_at{};  // when Stripe made the event
  std::string tenant_id;  // from metadata; "" where it names none
  std::string customer_id;
  std::string subscription_id;
  // Null: nothing to tell the workers. A type without a rule, or an invoice of
  // nothing (a trial's first), which Stripe calls paid although nobody paid.
  std::shared_ptr<google::protobuf::Message> message;
};

// Errors: what parse_json refuses, and invalid with the pointer of a required field
// that is missing or of a known one that has the wrong type.
Result<StripeFact> read_stripe_event(std::string_view raw_body);

}  // namespace tenantry::gateway
