#include "workers/replay/recording.h"

#include <istream>
#include <nlohmann/json.hpp>

#include "events/catalogue.h"
#include "events/codec.h"
#include "events/topology.h"
#include "shared/json/json.h"

namespace tenantry::replay {
namespace {

using nlohmann::json;

constexpr std::size_t line_size_max = 1024UL * 1024;

std::string text(const json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string{};
}

// As the relay would hand it to one worker: straight to its queue, saying where it came from and which id it has.
events::WireMessage straight(const std::string& exchange, const std::string& event_id) {
  events::WireMessage wire;
  wire.user_id = events::BrokerUsers{}.publisher;
  wire.headers[std::string(events::header_exchange)] = exchange;
  if (!event_id.empty()) wire.headers[std::string(events::header_event_id)] = event_id;
  return wire;
}

Result<events::Event> decode(const events::WireMessage& wire, const std::string& tenant_id) {
  return events::decode(wire, tenant_id, {.publisher_user = wire.user_id});
}

}  // namespace

std::string to_line(const Recorded& recorded) {
  const auto& event = recorded.event;
  events::Attributes more{{"exchange", recorded.exchange}};
  if (!event.foreign_id.empty()) more["eventid"] = event.id.to_string();
  if (recorded.recorded_at != Timestamp{}) more["recordedat"] = to_rfc3339(recorded.recorded_at);
  return events::to_structured_json(event, more);
}

Result<Recorded> from_line(std::string_view line) {
  const auto document = parse_json(line, {.depth = events::json_depth_max + 1, .size = line_size_max});
  if (!document) return document.error();
  if (!document->is_object()) return Error::invalid("", "object", "a line is one CloudEvent as a JSON object");
  const auto tenant_id = text(*document, "tenantid");
  if (tenant_id.empty()) return Error::invalid("/tenantid", "required", "says whose event it is");
  Recorded recorded;
  recorded.exchange = text(*document, "exchange");
  if (recorded.exchange.empty()) recorded.exchange = events::events_exchange(tenant_id);
  auto event_id = text(*document, "eventid");
  if (event_id.empty()) event_id = text(*document, "id");
  if (!Uuid::parse(event_id)) return Error::invalid("/eventid", "uuid", "must be a UUID where the id is none");
  auto wire = straight(recorded.exchange, event_id);
  wire.content_type = "application/cloudevents+json";
  wire.body = line;
  auto event = decode(wire, tenant_id);
  if (!event) return event.error();
  recorded.event = *std::move(event);
  for (const char* ours : {"exchange", "eventid", "recordedat"}) recorded.event.extensions.erase(ours);
  recorded.recorded_at = recorded.event.time;
  if (const auto at = text(*document, "recordedat"); !at.empty()) {
    const auto parsed = from_rfc3339(at);
    if (!parsed) return Error::invalid("/recordedat", "rfc3339", "must be an RFC 3339 time");
    recorded.recorded_at = *parsed;
  }
  return recorded;
}

Result<Recorded> from_leaf(const json& leaf, const json& personal) {
  const auto payload = from_base64(text(personal, "payload_base64"));
  if (!payload) return Error::invalid("/payload_base64", "base64", "must be base64 with padding");
  const auto recorded_at = from_rfc3339(text(leaf, "recorded_at"));
  if (!recorded_at) return Error::invalid("/recorded_at", "rfc3339", "must be an RFC 3339 time");
  const auto actor = personal.value("actor", json::object());
  events::Event event;
  const auto id = Uuid::parse(text(leaf, "event_id"));
  if (!id) return Error::invalid("/event_id", "uuid", "must be a UUID");
  event.id = *id;
  event.foreign_id = text(leaf, "foreign_id");
  event.type = text(leaf, "type");
  event.tenant_id = text(leaf, "tenant_id");
  const auto occurred_at = from_rfc3339(text(leaf, "occurred_at"));
  if (!occurred_at) return Error::invalid("/occurred_at", "rfc3339", "must be an RFC 3339 time");
  event.time = *occurred_at;
  event.source = text(leaf, "source");
  event.causation_id = text(leaf, "causation_id");
  event.correlation_id = text(leaf, "correlation_id");
  event.actor = {text(leaf, "actor_kind"), text(actor, "id"), text(actor, "ip"), text(actor, "user_agent")};
  event.content_type = text(leaf, "content_type");
  event.payload = as_text(*payload);
  const auto extensions = personal.value("extensions", json::object());
  for (const auto& [name, value] : extensions.items()) {
    if (value.is_string()) event.extensions.emplace(name, value.get<std::string>());
  }
  // The leaf keeps the subject as the resource's id, where the schema names none of its own.
  const auto* entry = events::Catalogue::instance().find(event.type);
  const auto resource_id = text(personal, "resource_id");
  if (entry == nullptr || (entry->resource_id_field.empty() && resource_id != event.tenant_id)) {
    event.subject = resource_id;
  }
  if (auto ok = events::parse_payload(event); !ok) return ok.error();
  const auto sequence = leaf.find("sequence");
  return Recorded{
      .event = std::move(event),
      .exchange = text(leaf, "exchange"),
      .recorded_at = *recorded_at,
      .sequence = sequence != leaf.end() && sequence->is_number_unsigned() ? sequence->get<std::uint64_t>() : 0};
}

Result<std::vector<Recorded>> read_recording(std::istream& in) {
  std::vector<Recorded> out;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty()) continue;
    auto recorded = from_line(line);
    if (!recorded) {
      auto error = recorded.error();
      error.message = "line " + std::to_string(number) + ": " + error.message;
      return error;
    }
    out.push_back(*std::move(recorded));
  }
  return out;
}

}  // namespace tenantry::replay
