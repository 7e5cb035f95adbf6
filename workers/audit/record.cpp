#include "workers/audit/record.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>

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

std::string leaf_of(const AuditRecord& record, const events::Event& event) {
  // An object's members are sorted by nlohmann::json, and the text has no white space: one record has one leaf.
  nlohmann::json leaf = {
      {"tenant_id", record.tenant_id},
      {"sequence", record.sequence},
      {"event_id", record.event_id.to_string()},
      {"type", record.type},
      {"occurred_at", to_rfc3339(record.occurred_at)},
      {"recorded_at", to_rfc3339(record.recorded_at)},
      {"actor",
       {{"kind", record.actor_kind},
        {"id", record.actor_id},
        {"ip", record.actor_ip},
        {"user_agent", record.actor_agent}}},
      {"action", record.action},
      {"crud", record.crud},
      {"resource", {{"kind", record.resource}, {"id", record.resource_id}}},
      {"outcome", record.failure ? "failure" : "success"},
      {"correlation_id", record.correlation_id},
      {"causation_id", record.causation_id},
      {"source", record.source},
      {"exchange", record.exchange},
      {"content_type", event.content_type},
      {"payload_base64", to_base64(as_bytes(event.payload))},
  };
  if (!event.foreign_id.empty()) leaf["foreign_id"] = event.foreign_id;
  return leaf.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace tenantry::audit
