// What a Stripe event says, in our own words: the event's raw JSON in, one message
// of the catalogue out.
//
// Pure: it verifies no signature, stores nothing and does not know which tenant a
// customer is. Objects of old and new API versions are read alike, and an id may
// be a string or the expanded object. What has no rule (a value of an enumeration, a
// type of a field) is never guessed: it is said in `unreadable`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "shared/core/time.h"

namespace google::protobuf {
class Message;
}

namespace tenantry::gateway {

struct StripeFact {
  std::string event_id;   // where the body has none, one that its bytes give it
  std::string type;       // Stripe's: "invoice.paid"; "unreadable" where the body has none
  std::string account;    // of Connect; "" for our own
  Timestamp stated_at{};  // when Stripe made the event
  bool live = false;      // of Stripe's live mode
  bool of_test_clock = false;
  std::string tenant_id;  // from metadata; "" where it names none
  std::string reference;  // client_reference_id of a checkout session
  // Of the objects that it is about: the subscription, customer, charge, payment intent, invoice and session. The
  // first of them that is known says whose it is.
  std::vector<std::string> object_ids;
  // Null: nothing to tell the workers (a type without a rule).
  std::shared_ptr<google::protobuf::Message> message;
  // Why there is no message though there is a rule: what parse_json refuses, or the pointer of a field.
  std::optional<Error> unreadable;
};

// Stripe's types that have a rule: what the gateway acts on.
std::vector<std::string> stripe_types();

// Never refuses: the bytes are signed, so they are kept, whatever they say.
StripeFact read_stripe_event(std::string_view raw_body);

// Whether two events of one id say the same, be it in the shapes of two API versions.
bool says_the_same(const StripeFact& left, const StripeFact& right);

// What a paid invoice came to. Stripe calls one paid that was of nothing, too, or whose whole sum was credited.
struct InvoiceSums {
  std::optional<std::int64_t> amount_paid{};
  std::optional<std::int64_t> total{};
  std::int64_t credited = 0;  // by credit notes, before it was paid
};
bool counts_as_payment(const InvoiceSums& sums);

}  // namespace tenantry::gateway
