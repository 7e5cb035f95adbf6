#include "workers/audit/record.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "events/catalogue.h"
#include "shared/json/json.h"

namespace tenantry::audit {
namespace {

// The value of a string field of the event's message, however it is called.
std::string text_field(const google::protobuf::Message& message, const std::string& name) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr || field->is_repeated() ||
      field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING) {
    return {};
  }
  return message.GetReflection()->GetString(message, field);
}

}  // namespace

AuditRecord make_record(const events::Event& event, const std::string& exchange, Timestamp recorded_at) {
  AuditRecord record;
  record.tenant_id = event.tenant_id;
  record.event_id = event.id;
  record.type = event.type;
  record.occurred_at = event.time;
  record.recorded_at = recorded_at;
  record.actor_kind = event.actor.kind;
  record.actor_id = event.actor.id;
  record.actor_ip = event.actor.ip;
  record.actor_agent = event.actor.user_agent;
  record.correlation_id = event.correlation_id;
  record.causation_id = event.causation_id;
  record.source = event.source;
  record.exchange = exchange;
  record.action = event.type;
  record.payload = events::payload_json(event);
  if (const auto* entry = events::Catalogue::instance().find(event.type)) {
    record.action = entry->action;
    record.crud = entry->crud;
    record.resource = entry->resource;
    record.failure = entry->failure;
    if (event.message != nullptr && !entry->resource_id_field.empty()) {
      record.resource_id = text_field(*event.message, entry->resource_id_field);
    }
    if (record.resource_id.empty()) record.resource_id = event.subject.empty() ? event.tenant_id : event.subject;
  } else {
    record.resource = event.type.substr(0, event.type.find('.'));
    record.resource_id = event.subject;
  }
  return record;
}

// Written by hand, because a million of them are: the members in the order of their names, and no white space, so that
// one record has one leaf. record_test.cpp holds it against a JSON library.
std::string leaf_of(const AuditRecord& record, const events::Event& event) {
  std::string out;
  out.reserve(768 + event.payload.size() * 4 / 3);
  const auto member = [&out](std::string_view separator_and_name, std::string_view value) {
    out += separator_and_name;
    append_json_string(out, value);
  };
  member(R"({"action":)", record.action);
  member(R"(,"actor":{"id":)", record.actor_id);
  member(R"(,"ip":)", record.actor_ip);
  member(R"(,"kind":)", record.actor_kind);
  member(R"(,"user_agent":)", record.actor_agent);
  member(R"(},"causation_id":)", record.causation_id);
  member(R"(,"content_type":)", event.content_type);
  member(R"(,"correlation_id":)", record.correlation_id);
  member(R"(,"crud":)", record.crud);
  member(R"(,"event_id":)", record.event_id.to_string());
  member(R"(,"exchange":)", record.exchange);
  if (!event.foreign_id.empty()) member(R"(,"foreign_id":)", event.foreign_id);
  member(R"(,"occurred_at":)", to_rfc3339(record.occurred_at));
  member(R"(,"outcome":)", record.failure ? "failure" : "success");
  member(R"(,"payload_base64":)", to_base64(as_bytes(event.payload)));
  member(R"(,"recorded_at":)", to_rfc3339(record.recorded_at));
  member(R"(,"resource":{"id":)", record.resource_id);
  member(R"(,"kind":)", record.resource);
  out += R"(},"sequence":)";
  out += std::to_string(record.sequence);
  member(R"(,"source":)", record.source);
  member(R"(,"tenant_id":)", record.tenant_id);
  member(R"(,"type":)", record.type);
  out += '}';
  return out;
}

}  // namespace tenantry::audit
