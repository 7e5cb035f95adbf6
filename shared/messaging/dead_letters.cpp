#include "shared/messaging/dead_letters.h"

#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "events/topology.h"
#include "shared/core/rare.h"
#include "shared/crypto/hash.h"
#include "shared/db/connection.h"
#include "tenantry/events/v1/security.pb.h"

namespace tenantry::messaging {

std::string_view dead_letter_reason(const Error& error) {
  switch (error.code) {
    case Errc::refused:
      return "refused";
    case Errc::crash:
      return "crash";
    case Errc::exhausted:
      return "exhausted";
    default:
      return is_transient(error.code) ? "exhausted" : "invalid";
  }
}

namespace {

// What the database and Protobuf take as text: a message that is set aside may hold any bytes. Its body is kept as
// it is; what else cannot be text is shown in hex.
std::string storable(const std::string& text) {
  if (is_utf8(text) && text.find('\0') == text.npos) return text;
  return "hex:" + to_hex(as_bytes(text));
}

std::map<std::string, std::string> storable(const std::map<std::string, std::string>& headers) {
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : headers) out.emplace(storable(name), storable(value));
  return out;
}

std::vector<std::string> storable(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (const auto& text : texts) out.push_back(storable(text));
  return out;
}

// At most `size` bytes, never ending within a letter.
std::string shortened(std::string text, std::size_t size) {
  if (text.size() <= size) return text;
  text.resize(size);
  while (!text.empty() && !is_utf8(text)) text.pop_back();
  return text;
}

}  // namespace

void set_aside(Unit& unit, std::string_view worker, const Incoming& incoming, const Error& error) {
  if (rare::is(rare::Mutant::dead_letter_forgotten)) return;
  const auto& event = incoming.event;
  const auto& wire = incoming.wire;
  // Whose queue it was in; a refused event's own word does not count.
  std::string tenant_id = events::tenant_of_vhost(incoming.vhost);
  if (tenant_id == events::platform_tenant && error.code != Errc::refused && !event.tenant_id.empty()) {
    tenant_id = event.tenant_id;
  }
  const nlohmann::json properties = {{"content_type", storable(wire.content_type)},
                                     {"message_id", storable(wire.message_id)},
                                     {"type", storable(wire.type)},
                                     {"user_id", storable(wire.user_id)},
                                     {"headers", storable(wire.headers)},
                                     {"cc", storable(wire.carbon_copies)}};
  const std::string id_text = std::string(worker) + "/" + event.id.to_string();
  const Uuid dead_letter_id = derive_uuid_v7(event.id.time(), crypto::sha256(as_bytes(id_text)));
  const std::string& body = wire.body.empty() ? event.payload : wire.body;
  unit.tx.send(
      "INSERT INTO messaging.dead_letters (dead_letter_id, worker, tenant_id, event_id, type, reason, error, attempts, "
      "vhost, exchange, routing_key, properties, body, created_at, last_seen_at) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::jsonb, $13, $14, $14) "
      "ON CONFLICT (worker, event_id) DO UPDATE SET seen = messaging.dead_letters.seen + 1, "
      "last_seen_at = excluded.last_seen_at, reason = excluded.reason, error = excluded.error, "
      "attempts = excluded.attempts",
      {dead_letter_id, worker, tenant_id, event.id, storable(event.type), dead_letter_reason(error),
       storable(error.describe()), incoming.attempts + 1, incoming.vhost, storable(wire.exchange),
       storable(wire.routing_key), properties.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
       as_bytes(body), unit.now});
  if (error.code != Errc::refused) return;

  events::v1::EventRefused refused;
  const auto clean = [](const std::string& text) { return shortened(storable(text), 256); };
  refused.set_refused_event_id(event.id.to_string());
  refused.set_refused_type(clean(event.type));
  refused.set_rule(error.reason);
  refused.set_detail(clean(error.message));
  refused.set_exchange(clean(wire.exchange));
  refused.set_routing_key(clean(wire.routing_key));
  refused.set_broker_user(clean(wire.user_id));
  // Derived from the refused message and not from the worker: two queues that refuse it say the same once.
  events::Event security = events::make_event(tenant_id, refused,
                                              {.source = "/tenantry/security",
                                               .actor = events::Actor::service("security"),
                                               .cause = &event,
                                               .time = event.id.time()},
                                              Uuid{});
  security.time = unit.now;
  unit.outbox.publish_made(security);
}

}  // namespace tenantry::messaging
