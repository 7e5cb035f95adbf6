#include "shared/messaging/receive.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "events/catalogue.h"
#include "events/topology.h"
#include "shared/crypto/hash.h"
#include "shared/messaging/dead_letters.h"
#include "shared/messaging/wire.h"

namespace tenantry::messaging {
namespace {

// What can be said of a message that cannot be decoded: its id is that of its bytes.
events::Event unreadable(const Incoming& incoming, const std::string& vhost_tenant) {
  events::Event event;
  event.tenant_id = vhost_tenant;
  event.time = incoming.received_at;
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
int count_in(const events::WireMessage& wire, std::string_view header) {
  constexpr int believable_max = 1'000;
  const auto at = wire.headers.find(std::string(header));
  if (at == wire.headers.end()) return 0;
  int count = 0;
  std::from_chars(at->second.data(), at->second.data() + at->second.size(), count);
  return std::clamp(count, 0, believable_max);
}

// What expired in a queue that applications are heard in comes through the default exchange, from the queue that the
// broker put it into (events::expired_queue_of). Only applications' messages expire, so it is one of theirs, whatever
// its headers say.
// True: it is such a message.
bool restore_expired(events::WireMessage& wire, const std::string& vhost_tenant, const events::TrustRules& rules) {
  const bool expired = wire.headers.contains("x-first-death-reason") && wire.exchange.empty();
  if (!expired || wire.user_id == rules.publisher_user || vhost_tenant == events::platform_tenant) return false;
  wire.exchange = events::application_exchange(vhost_tenant);
  if (wire.keys_before.empty()) return true;
  wire.routing_key = wire.keys_before.front();
  wire.carbon_copies.assign(wire.keys_before.begin() + 1, wire.keys_before.end());
  return true;
}

// The broker drops what would expire where it seems to have died before: who says so itself wants to be confirmed and
// not recorded. Refused whether it has expired meanwhile or not, so that each worker says the same of it.
std::optional<Error> forged_death(const events::WireMessage& wire, bool has_expired) {
  const bool says_so = has_expired ? wire.deaths > 1 : wire.expires && wire.deaths > 0;
  if (!says_so) return {};
  return Error{.code = Errc::refused,
               .reason = "forged_death",
               .message = "a message with an expiration says by x-death that it has died before"};
}

}  // namespace

std::string Incoming::first_exchange() const {
  if (!wire.exchange.empty()) return wire.exchange;
  const auto at = wire.headers.find(std::string(events::header_exchange));
  return at == wire.headers.end() ? std::string{} : at->second;
}

Arrival receive(amqp::Delivery&& delivery, const std::string& vhost, const events::TrustRules& rules, Token token,
                Timestamp now) {
  Arrival arrival;
  arrival.token = token;
  auto& incoming = arrival.incoming;
  incoming.vhost = vhost;
  incoming.redelivered = delivery.redelivered;
  incoming.received_at = now;
  const bool oversized = delivery.oversized;
  const bool properties_refused = delivery.properties_refused;
  incoming.wire = to_wire(std::move(delivery));
  incoming.whole = !oversized && !properties_refused;
  // The broker vouches for the name, and only the relay publishes straight to a queue.
  incoming.of_platform = incoming.wire.user_id == rules.publisher_user;
  if (incoming.wire.exchange.empty() && incoming.of_platform) {
    incoming.attempts = count_in(incoming.wire, events::header_attempts);
    incoming.redrives = count_in(incoming.wire, events::header_redrives);
    restore_original(incoming);
  }
  const std::string vhost_tenant = events::tenant_of_vhost(incoming.vhost);
  const bool has_expired = restore_expired(incoming.wire, vhost_tenant, rules);

  Result<events::Event> event =
      oversized            ? Error::invalid("", "size", "the body is larger than the broker may hand over")
      : properties_refused ? Error::invalid("/headers", "table", "the headers are nested too deeply or malformed")
                           : events::decode(incoming.wire, vhost_tenant, rules, now);
  if (event) {
    incoming.event = *std::move(event);
    if (auto trusted = events::check_trust(incoming.event, incoming.wire, vhost_tenant, rules); !trusted) {
      arrival.refused = trusted.error();
    } else {
      arrival.refused = forged_death(incoming.wire, has_expired);
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
  if (arrival.refused) {
    incoming.event.tenant_id = vhost_tenant;
  } else {
    incoming.wire.body.clear();
  }
  return arrival;
}

}  // namespace tenantry::messaging
