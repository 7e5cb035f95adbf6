#include "shared/messaging/dead_letters.h"

#include <map>
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/core/rare.h"
#include "shared/crypto/hash.h"
#include "shared/db/connection.h"
#include "shared/messaging/outbox_rows.h"
#include "tenantry/events/v1/dead_letter.pb.h"
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
    case Errc::timeout:
      return "timeout";
    default:
      return is_transient(error.code) ? "exhausted" : "invalid";
  }
}

namespace {

using nlohmann::json;

// More would not fit a frame beside what a redrive adds.
constexpr std::size_t headers_size_max = 64UL * 1024;

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

// A message's own account of itself, as text that can be stored.
struct Properties {
  std::string exchange, routing_key, content_type, message_id, type, user_id;
  std::map<std::string, std::string> headers;
  std::vector<std::string> cc;
  bool operator==(const Properties&) const = default;

  std::size_t headers_size() const {
    std::size_t size = 0;
    for (const auto& [name, value] : headers) size += name.size() + value.size() + 8;
    return size;
  }
};

Properties storable(const Properties& in) {
  return {storable(in.exchange), storable(in.routing_key), storable(in.content_type), storable(in.message_id),
          storable(in.type),     storable(in.user_id),     storable(in.headers),      storable(in.cc)};
}

// Of a message that broke a rule: as it came. Of an event that was read and could not be handled: as we would publish
// it, for its body may have been an envelope that is no more.
Properties properties_of(const Arrival& arrival) {
  const auto& event = arrival.incoming.event;
  const auto& wire = arrival.incoming.wire;
  Properties out{wire.exchange, wire.routing_key, wire.content_type, wire.message_id,
                 wire.type,     wire.user_id,     wire.headers,      wire.carbon_copies};
  if (arrival.refused) return out;
  out.content_type = event.content_type;
  out.type = event.type;
  out.headers = events::encode_headers(event);
  out.cc.clear();
  if (!wire.exchange.empty()) return out;
  const auto first = [&](std::string_view header, std::string& target) {
    const auto at = wire.headers.find(std::string(header));
    if (at != wire.headers.end()) target = at->second;
  };
  first(events::header_exchange, out.exchange);
  first(events::header_routing_key, out.routing_key);
  return out;
}

// Whose queue it was in; a refused event's own word does not count.
std::string tenant_of(const Incoming& incoming, const Error& error) {
  auto tenant_id = events::tenant_of_vhost(incoming.vhost);
  if (tenant_id == events::platform_tenant && error.code != Errc::refused && !incoming.event.tenant_id.empty()) {
    tenant_id = incoming.event.tenant_id;
  }
  return tenant_id;
}

void publish_refusal(Outbox& outbox, const std::string& tenant_id, const Incoming& incoming, const Error& error) {
  const auto& event = incoming.event;
  const auto& wire = incoming.wire;
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
  security.time = outbox.now();
  outbox.publish_made(security);
}

OutboxRow redrive_row(const DeadLetter& letter, Timestamp at) {
  const auto properties = json::parse(letter.properties_json);
  const auto text = [&](const char* name) { return properties.value(name, std::string{}); };
  OutboxRow row;
  row.id = letter.event_id;
  row.vhost = letter.vhost;
  const bool never_published =
      letter.worker == relay_worker || letter.worker.starts_with(std::string(relay_worker) + ".");
  row.exchange = never_published ? letter.exchange : "";
  row.routing_key =
      never_published ? letter.routing_key : events::queue_of(events::tenant_of_vhost(letter.vhost), letter.worker);
  row.tenant_id = letter.tenant_id;
  row.type = letter.type;
  row.content_type = text("content_type");
  row.headers = properties.at("headers").get<std::map<std::string, std::string>>();
  row.payload = letter.body;
  row.available_at = at;
  row.retry = retry_number(letter.redrives + 1, 0);
  row.headers[std::string(events::header_redrives)] = std::to_string(letter.redrives + 1);
  if (never_published) return row;
  if (letter.form == "event") {
    row.headers[std::string(events::header_exchange)] = letter.exchange;
    row.headers[std::string(events::header_routing_key)] = letter.routing_key;
    row.headers[std::string(events::header_event_id)] = letter.event_id.to_string();
  } else {
    row.headers[std::string(events::header_original)] = json{
        {"vhost", letter.vhost},
        {"exchange", letter.exchange},
        {"routing_key", letter.routing_key},
        {"message_id", text("message_id")},
        {"type", text("type")},
        {"user_id", text("user_id")},
        {"cc", properties.value("cc", json::array())}}.dump();
  }
  return row;
}

template <class Message>
Message decided(const DeadLetter& letter, const std::string& note) {
  Message message;
  message.set_dead_letter_id(letter.id.to_string());
  message.set_worker(letter.worker);
  message.set_event_id(letter.event_id.to_string());
  message.set_event_type(letter.type);
  message.set_reason(letter.reason);
  message.set_note(note);
  return message;
}

void settle(db::Transaction& tx, const std::vector<DeadLetter>& letters, std::string_view state, int redrives,
            const std::string& note, Timestamp now) {
  std::vector<Uuid> ids;
  for (const auto& letter : letters) ids.push_back(letter.id);
  tx.exec(
      "UPDATE messaging.dead_letters SET state = $2, redrives = redrives + $3, note = $4, settled_at = $5 "
      "WHERE dead_letter_id = ANY ($1)",
      {db::Param::array(ids), state, redrives, note, now});
}

}  // namespace

void set_aside(Unit& unit, std::string_view worker, const Arrival& arrival, const Error& error,
               DeadLetterBudget& budget) {
  if (rare::is(rare::Mutant::dead_letter_forgotten)) return;
  const auto& incoming = arrival.incoming;
  const auto& event = incoming.event;
  const auto tenant_id = tenant_of(incoming, error);
  const auto reason = dead_letter_reason(error);
  const auto properties = properties_of(arrival);
  auto kept = storable(properties);
  bool whole = incoming.whole && kept == properties && kept.headers_size() <= headers_size_max;
  auto body = as_bytes(arrival.refused ? incoming.wire.body : event.payload);
  auto event_id = event.id;
  auto why = error.describe();
  const bool for_ever = error.code == Errc::invalid || error.code == Errc::refused;
  const auto keep = for_ever && !incoming.of_platform
                        ? budget.admit(unit.tx, tenant_id, body.size() + kept.headers_size(), unit.now)
                        : Keep::whole;
  if (keep != Keep::whole) {
    whole = false;
    body = {};
    kept.headers.clear();
    kept.cc.clear();
    why = "not kept whole, for too many of this tenant wait: " + why;
  }
  if (keep == Keep::count) {
    event_id = derive_uuid_v7(Timestamp{}, crypto::sha256(as_bytes(tenant_id + "/" + std::string(reason))));
    kept = {};
  }
  const json properties_json = {
      {"content_type", kept.content_type}, {"message_id", kept.message_id}, {"type", kept.type},
      {"user_id", kept.user_id},           {"headers", kept.headers},       {"cc", kept.cc}};
  const std::string id_text = std::string(worker) + "/" + event_id.to_string();
  const Uuid dead_letter_id = derive_uuid_v7(event_id.time(), crypto::sha256(as_bytes(id_text)));
  unit.tx.send(
      "INSERT INTO messaging.dead_letters (dead_letter_id, worker, tenant_id, event_id, type, reason, error, attempts, "
      "vhost, exchange, routing_key, properties, body, created_at, last_seen_at, form, whole) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::jsonb, $13, $14, $14, $15, $16) "
      "ON CONFLICT (worker, event_id) DO UPDATE SET seen = messaging.dead_letters.seen + 1, "
      "last_seen_at = excluded.last_seen_at, reason = excluded.reason, attempts = excluded.attempts, state = "
      "'waiting', "
      "error = CASE WHEN messaging.dead_letters.whole THEN $17 ELSE excluded.error END",
      {dead_letter_id, worker, tenant_id, event_id, storable(event.type), reason, storable(why), incoming.attempts + 1,
       incoming.vhost, kept.exchange, kept.routing_key,
       properties_json.dump(-1, ' ', false, json::error_handler_t::replace), body, unit.now,
       arrival.refused ? "message" : "event", whole, storable(error.describe())});
  if (error.code == Errc::refused && keep != Keep::count) publish_refusal(unit.outbox, tenant_id, incoming, error);
}

int retry_number(int redrives, int attempts) {
  constexpr int attempts_max = 1'000;  // what is believed of the header that counts them (receive.cpp)
  return redrives * (attempts_max + 1) + attempts;
}

void restore_original(Incoming& incoming) {
  auto& wire = incoming.wire;
  const auto at = wire.headers.find(std::string(events::header_original));
  if (at == wire.headers.end()) return;
  const auto original = json::parse(at->second, nullptr, false);
  if (!original.is_object()) return;
  const auto text = [&](const char* name) { return original.value(name, std::string{}); };
  incoming.vhost = text("vhost");
  wire.exchange = text("exchange");
  wire.routing_key = text("routing_key");
  wire.message_id = text("message_id");
  wire.type = text("type");
  wire.user_id = text("user_id");
  wire.carbon_copies = original.value("cc", std::vector<std::string>{});
  wire.headers.erase(std::string(events::header_original));
  wire.headers.erase(std::string(events::header_redrives));
}

events::WireMessage wire_of(const DeadLetter& letter) {
  const auto properties = json::parse(letter.properties_json);
  const auto text = [&](const char* name) { return properties.value(name, std::string{}); };
  return {.exchange = letter.exchange,
          .routing_key = letter.routing_key,
          .content_type = text("content_type"),
          .message_id = text("message_id"),
          .type = text("type"),
          .user_id = text("user_id"),
          .headers = properties.at("headers").get<std::map<std::string, std::string>>(),
          .carbon_copies = properties.value("cc", std::vector<std::string>{}),
          .body = letter.body};
}

std::vector<db::Param> params_of(const DeadLetterFilter& filter) {
  return {db::Param::array(filter.ids), filter.tenant_id, filter.worker, filter.type,      filter.reason, filter.state,
          filter.error_shape,           filter.since,     filter.until,  filter.only_whole};
}

namespace {

constexpr std::string_view select_letters =
    "SELECT dead_letter_id, worker, tenant_id, event_id, type, reason, form, whole, state, redrives, vhost, exchange, "
    "routing_key, properties, body FROM messaging.dead_letters WHERE ";

DeadLetter letter_of(const db::Row& row) {
  const auto body = row.bytes(14);
  return {.id = row.uuid(0),
          .worker = std::string(row.text(1)),
          .tenant_id = std::string(row.text(2)),
          .event_id = row.uuid(3),
          .type = std::string(row.text(4)),
          .reason = std::string(row.text(5)),
          .form = std::string(row.text(6)),
          .whole = row.boolean(7),
          .state = std::string(row.text(8)),
          .redrives = static_cast<int>(row.int64(9)),
          .vhost = std::string(row.text(10)),
          .exchange = std::string(row.text(11)),
          .routing_key = std::string(row.text(12)),
          .properties_json = std::string(row.text(13)),
          .body = std::string(body.begin(), body.end())};
}

}  // namespace

std::optional<DeadLetter> find_dead_letter(db::Transaction& tx, std::string_view id) {
  static const std::string statement = std::string(select_letters) + "dead_letter_id = $1";
  const auto rows = tx.exec(statement, {id});
  if (rows.empty()) return std::nullopt;
  return letter_of(rows[0]);
}

std::vector<DeadLetter> lock_dead_letters(db::Transaction& tx, const DeadLetterFilter& filter, int letters_max) {
  static const std::string statement = std::string(select_letters) + std::string(dead_letter_condition) +
                                       "ORDER BY created_at, dead_letter_id LIMIT $11 FOR UPDATE SKIP LOCKED";
  auto params = params_of(filter);
  params.emplace_back(letters_max);
  std::vector<DeadLetter> out;
  const auto rows = tx.exec(statement, params);
  for (const auto row : rows) out.push_back(letter_of(row));
  return out;
}

void redrive(db::Transaction& tx, Outbox& outbox, const std::vector<DeadLetter>& letters, const Pace& pace,
             const std::string& note) {
  settle(tx, letters, "redriven", 1, note, outbox.now());
  auto at = pace.from;
  for (const auto& letter : letters) {
    outbox.retry(redrive_row(letter, at));
    outbox.publish(letter.tenant_id, decided<events::v1::DeadLetterRedriven>(letter, note));
    at += pace.gap;
  }
}

void drop(db::Transaction& tx, Outbox& outbox, const std::vector<DeadLetter>& letters, const std::string& note) {
  settle(tx, letters, "dropped", 0, note, outbox.now());
  for (const auto& letter : letters) {
    outbox.publish(letter.tenant_id, decided<events::v1::DeadLetterDropped>(letter, note));
  }
}

}  // namespace tenantry::messaging
