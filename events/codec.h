// Events on the wire: CloudEvents in AMQP binary mode out; binary mode, structured
// JSON and the older envelope in.
//
// Everything read here is hostile until parsed: sizes and depth are bounded, and
// an error names the attribute or field and its rule. decode() says what a message
// claims; check_trust() says whether the claim counts where it was published.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "events/envelope.h"
#include "shared/core/result.h"

namespace tenantry::events {

// A message as the broker hands it over, without the broker's library.
struct WireMessage {
  std::string exchange{};  // "" for the default exchange
  std::string routing_key{};
  std::string content_type{};
  std::string message_id{};
  std::string type{};
  std::string user_id{};  // checked by the broker against the login when set
  std::string content_encoding{};
  std::map<std::string, std::string> headers{};  // scalars, as text
  std::vector<std::string> nested_headers{};     // names of those that are lists or tables
  std::vector<std::string> repeated_headers{};   // names that were given again
  bool expires = false;                          // its publisher gave it an expiration
  std::vector<std::string> carbon_copies{};      // routing keys of the CC header (the broker strips BCC)
  std::vector<std::string> keys_before{};        // of what expired: the keys it was published with, as the broker says
  std::int64_t deaths = 0;                       // how often, by the broker's count and its publisher's
  std::string body{};
};

constexpr std::size_t body_size_max = 256 * 1024;  // an event; CloudEvents asks intermediaries for 64 KiB
constexpr int json_depth_max = 32;
constexpr std::size_t id_length_max = 255;

// Headers of our own, on messages the relay sends straight to a queue.
constexpr std::string_view header_event_id = "tenantry-event-id";  // Event::id, where it is not the wire's id
constexpr std::string_view header_attempts = "tenantry-attempts";
constexpr std::string_view header_exchange = "tenantry-exchange";        // where it was first published
constexpr std::string_view header_routing_key = "tenantry-routing-key";  // and with which key
constexpr std::string_view header_redrives = "tenantry-redrives";        // how often it was a dead letter sent again
constexpr std::string_view header_original = "tenantry-original";        // JSON: what a message was before it was one

// The type a message claims, as far as its envelope can be read; "" where it cannot. For what is set aside.
std::string claimed_type(const WireMessage& message);

// Which publisher the platform's own messages carry as user-id.
struct TrustRules {
  std::string publisher_user;
};

// The headers and body of an event to be published (binary mode, Protobuf or JSON as the event's content type).
std::map<std::string, std::string> encode_headers(const Event& event);

// `vhost_tenant`: the tenant whose vhost delivered it, or "platform"; `arrived_at`: the time of an event that states
// none. Ids that are not ours are kept as foreign_id and hashed, with the tenant and source, into `id`, so that no
// publisher can claim the id of somebody else's event.
Result<Event> decode(const WireMessage& message, std::string_view vhost_tenant, const TrustRules& rules,
                     Timestamp arrived_at = {});

// The identity of a foreign event: that of (tenant, source, id) alone, over every way in, whatever time it states. A
// UUIDv7 of the first millisecond of 1970: such ids lie side by side in the inbox, in a partition of their own.
Uuid foreign_event_id(std::string_view tenant_id, std::string_view source, std::string_view id);

// Errc::refused with the broken rule as reason: forged_type, wrong_tenant, forged_key, or wrong_key for an event that
// one worker would hear and another would not.
Result<void> check_trust(const Event& event, const WireMessage& message, std::string_view vhost_tenant,
                         const TrustRules& rules);

// Attributes by their CloudEvents name, in lower case, whichever mode they came in or go out.
using Attributes = std::map<std::string, std::string>;
Attributes attributes_of(const Event& event);

// Structured mode on one line, with `more` attributes; and the payload alone, as JSON text (events listen, audit,
// files).
std::string to_structured_json(const Event& event, const Attributes& more = {});
std::string payload_json(const Event& event);  // "" where the payload is neither a known message nor JSON

// A request of `POST /v1/events`: CloudEvents in structured, batched or binary mode, or the older envelope.
using HttpFields = std::vector<std::pair<std::string, std::string>>;
struct Posted {
  const HttpFields& fields;
  std::string_view content_type;
  std::string_view body;
};

// What it holds: all of it, or none is read. Of the envelope, type, source, subject, time, id and extensions are
// taken. An event's `id` is left for the caller where its publisher gave none, and it came in no older envelope: such
// requests are an event each.
struct Posting {
  std::vector<Event> events{};
  bool batch = false;
  bool older = false;

  // An error of the event at `index`, in the words of what was sent.
  Error placed(Error error, std::size_t index) const;
};
Result<Posting> decode_posted(const Posted& posted, std::string_view tenant_id, Timestamp arrived_at);

// Fills event.message from event.payload where the type is known, and checks required fields.
Result<void> parse_payload(Event& event);

}  // namespace tenantry::events
