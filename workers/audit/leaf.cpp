#include "workers/audit/leaf.h"

#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/json/json.h"

namespace tenantry::audit {
namespace {

// A message of the broker's largest size, twice in base64, and what stands around it.
constexpr std::size_t leaf_size_max = 64UL * 1024 * 1024;

Result<Bytes> open_member(const nlohmann::json& leaf, const crypto::DataKey& key) {
  const auto sealed = from_base64(leaf.at("sealed").get<std::string>());
  if (!sealed) return Error::invalid("/sealed", "base64", "must be base64 with padding");
  const auto tenant_id = leaf.at("tenant_id").get<std::string>();
  const auto row_id = std::to_string(leaf.at("sequence").get<std::uint64_t>());
  return crypto::open_field(key, {tenant_id, "audit.records", row_id, "sealed"}, *sealed);
}

void append_member(std::string& out, std::string_view separator_and_name, std::string_view value) {
  out += separator_and_name;
  append_json_string(out, value);
}

std::string personal_of(const AuditRecord& record, const events::Event& event) {
  std::string out;
  out.reserve(256 + event.payload.size() * 4 / 3);
  append_member(out, R"({"actor":{"id":)", record.actor_id);
  append_member(out, R"(,"ip":)", record.actor_ip);
  append_member(out, R"(,"user_agent":)", record.actor_agent);
  out += '}';
  if (!record.changes.empty()) (out += R"(,"changes":)") += record.changes;
  if (!event.extensions.empty()) {
    std::string_view separator = R"(,"extensions":{)";
    for (const auto& [name, value] : event.extensions) {
      out += separator;
      append_json_string(out, name);
      append_member(out, ":", value);
      separator = ",";
    }
    out += '}';
  }
  append_member(out, R"(,"payload_base64":)", to_base64(as_bytes(event.payload)));
  append_member(out, R"(,"resource_id":)", record.resource_id);
  out += '}';
  return out;
}

}  // namespace

std::string key_id_of(const AuditRecord& record) {
  const bool of_a_signup = record.tenant_id == events::platform_tenant && record.resource == "signup";
  return of_a_signup ? "signup/" + record.resource_id : record.tenant_id;
}

// Written by hand, because a million of them are. leaf_test.cpp holds it against a JSON library.
std::string leaf_of(const AuditRecord& record, const events::Event& event, const crypto::DataKey* key) {
  std::string sealed;
  if (key != nullptr) {
    const auto row_id = std::to_string(record.sequence);
    sealed = to_base64(crypto::seal_field(*key, {record.tenant_id, "audit.records", row_id, "sealed"},
                                          as_bytes(personal_of(record, event))));
  }
  std::string out;
  out.reserve(640 + sealed.size());
  const auto member = [&out](std::string_view separator_and_name, std::string_view value) {
    append_member(out, separator_and_name, value);
  };
  member(R"({"action":)", record.action);
  member(R"(,"actor_kind":)", record.actor_kind);
  member(R"(,"causation_id":)", record.causation_id);
  member(R"(,"content_type":)", event.content_type);
  member(R"(,"correlation_id":)", record.correlation_id);
  member(R"(,"crud":)", record.crud);
  member(R"(,"event_id":)", record.event_id.to_string());
  member(R"(,"exchange":)", record.exchange);
  if (!event.foreign_id.empty()) member(R"(,"foreign_id":)", event.foreign_id);
  member(R"(,"key":)", key == nullptr ? "" : key_id_of(record));
  member(R"(,"occurred_at":)", to_rfc3339(record.occurred_at));
  member(R"(,"outcome":)", record.failure ? "failure" : "success");
  member(R"(,"recorded_at":)", to_rfc3339(record.recorded_at));
  member(R"(,"resource":)", record.resource);
  member(R"(,"sealed":)", sealed);
  out += R"(,"sequence":)";
  out += std::to_string(record.sequence);
  member(R"(,"source":)", record.source);
  member(R"(,"tenant_id":)", record.tenant_id);
  member(R"(,"type":)", record.type);
  out += '}';
  return out;
}

Result<nlohmann::json> parse_leaf(std::string_view leaf) {
  auto document = parse_json(leaf, {.size = leaf_size_max});
  if (!document) return document.error();
  for (const auto* name :
       {"action", "actor_kind", "causation_id", "content_type", "correlation_id", "crud", "event_id", "exchange", "key",
        "occurred_at", "outcome", "recorded_at", "resource", "sealed", "source", "tenant_id", "type"}) {
    const auto at = document->is_object() ? document->find(name) : document->end();
    if (at == document->end() || !at->is_string()) {
      return Error::invalid(std::string("/") + name, "text", "must be there, and a text");
    }
  }
  const auto sequence = document->find("sequence");
  if (sequence == document->end() || !sequence->is_number_unsigned()) {
    return Error::invalid("/sequence", "integer", "must be there, and a whole number");
  }
  return document;
}

Result<nlohmann::json> open_leaf(const nlohmann::json& leaf, const crypto::DataKey& key) {
  const auto personal = open_member(leaf, key);
  if (!personal) return personal.error();
  return parse_json(as_text(*personal), {.size = leaf_size_max});
}

}  // namespace tenantry::audit
