#include "shared/messaging/receive.h"

#include <algorithm>
#include <charconv>

#include "events/catalogue.h"
#include "events/topology.h"
#include "shared/crypto/hash.h"
#include "shared/messaging/wire.h"

namespace tenantry::messaging {
namespace {

// What can be said of a message that cannot be decoded: its id is that of its bytes.
events::Event unreadable(const Incoming& incoming, const std::string& vhost_tenant) {
  events::Event event;
  event.tenant_id = vhost_tenant;
  std::string type = events::claimed_type(incoming.wire);
  if (type.empty()) type = incoming.wire.type.empty() ? incoming.wire.routing_key : incoming.wire.type;
  event.type = is_utf8(type) && type.find('\0') == type.npos ? type.substr(0, 128) : "?";
  while (!is_utf8(event.type)) event.type.pop_back();  // cut within a letter
  event.content_type = incoming.wire.content_type;
  std::string identity = incoming.vhost + "\n" + incoming.wire.routing_key + "\n" + incoming.wire.message_id + "\n";
  for (const auto& [name, value] : incoming.wire.headers) identity += name + "=" + value + "\n";
  identity += incoming.wire.body;
  event.id = derive_uuid_v7(Timestamp{}, crypto::sha256(as_bytes(identity)));
  return event;
}

// As the relay wrote it; of anybody else nothing is believed, and it must not overflow either.
int attempts_of(std::string_view text) {
  constexpr int believable_max = 1'000;
  int attempts = 0;
  std::from_chars(text.data(), text.data() + text.size(), attempts);
  return std::clamp(attempts, 0, believable_max);
}

}  // namespace

Arrival receive(amqp::Delivery&& delivery, const std::string& vhost, const events::TrustRules& rules, Token token,
                Timestamp now) {
  const std::string vhost_tenant = events::tenant_of_vhost(vhost);
  Arrival arrival;
  arrival.token = token;
  auto& incoming = arrival.incoming;
  incoming.vhost = vhost;
  incoming.redelivered = delivery.redelivered;
  incoming.received_at = now;
  const bool oversized = delivery.oversized;
  const bool properties_refused = delivery.properties_refused;
  incoming.wire = to_wire(std::move(delivery));

  Result<events::Event> event =
      oversized            ? Error::invalid("", "size", "the body is larger than the broker may hand over")
      : properties_refused ? Error::invalid("/headers", "table", "the headers are nested too deeply or malformed")
                           : events::decode(incoming.wire, vhost_tenant, rules);
  if (event) {
    incoming.event = *std::move(event);
    if (auto trusted = events::check_trust(incoming.event, incoming.wire, vhost_tenant, rules); !trusted) {
      arrival.refused = trusted.error();
    }
  } else {
    arrival.refused = event.error();
    incoming.event = unreadable(incoming, vhost_tenant);
    // A message that cannot be read may still be a try to forge one.
    if (auto trusted = events::check_trust(incoming.event, incoming.wire, vhost_tenant, rules);
        !trusted && events::Catalogue::instance().is_privileged(incoming.event.type)) {
      arrival.refused = Error{.code = Errc::refused,
                              .reason = trusted.error().reason,
                              .message = trusted.error().message + "; also " + arrival.refused->message};
    }
  }
  if (incoming.event.time == Timestamp{}) incoming.event.time = incoming.received_at;
  if (incoming.wire.exchange.empty()) {
    const auto tries = incoming.wire.headers.find(std::string(events::header_attempts));
    if (tries != incoming.wire.headers.end()) incoming.attempts = attempts_of(tries->second);
  }
  if (arrival.refused) {
    incoming.event.tenant_id = vhost_tenant;
  } else {
    incoming.wire.body.clear();
  }
  return arrival;
}

}  // namespace tenantry::messaging
