#include "workers/audit/record.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "events/catalogue.h"
#include "shared/core/assert.h"
#include "shared/core/bytes.h"
#include "shared/json/json.h"

namespace tenantry::audit {
namespace {

// The value of a field of the event's message as JSON: of a text, a flag or a number.
std::string json_field(const google::protobuf::Message& message, const std::string& name) {
  using google::protobuf::FieldDescriptor;
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  TENANTRY_ASSERT(field != nullptr && !field->is_repeated());  // catalogue_test.cpp: changes name fields there are
  const auto* reflection = message.GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) return reflection->GetBool(message, field) ? "true" : "false";
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT32) return std::to_string(reflection->GetInt32(message, field));
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT64) return std::to_string(reflection->GetInt64(message, field));
  TENANTRY_ASSERT(field->cpp_type() == FieldDescriptor::CPPTYPE_STRING);
  std::string out;
  append_json_string(out, reflection->GetString(message, field));
  return out;
}

// Canonical as the leaf that will hold it: members by name, no white space.
std::string changes_of(const google::protobuf::Message& message, const std::vector<events::ValueChange>& changes) {
  std::string out;
  const auto value = [&](std::string_view separator_and_name, const std::string& field, const std::string& constant) {
    if (field.empty() && constant.empty()) return;
    if (out.back() == '{') separator_and_name.remove_prefix(1);
    out += separator_and_name;
    if (field.empty()) {
      append_json_string(out, constant);
    } else {
      out += json_field(message, field);
    }
  };
  for (const auto& change : changes) {  // by name: catalogue.cpp sorts them
    out += out.empty() ? '{' : ',';
    append_json_string(out, change.name);
    out += ":{";
    value(R"(,"new":)", change.new_field, change.new_value);
    value(R"(,"old":)", change.old_field, change.old_value);
    out += '}';
  }
  if (!out.empty()) out += '}';
  return out;
}

// As a column that is searched and indexed can hold it: without NUL, and short enough for a row of an index (2,704
// bytes). The payload has it whole.
std::string searchable(std::string text) {
  constexpr std::size_t size_max = 1024;
  std::erase(text, '\0');
  if (text.size() <= size_max) return text;
  text.resize(size_max);
  while (!is_utf8(text)) text.pop_back();  // cut within a letter
  return text;
}

// The value of a string field of the event's message, however it is called.
std::string text_field(const google::protobuf::Message& message, const std::string& name) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr || field->is_repeated() ||
      field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING) {
    return {};
  }
  return searchable(message.GetReflection()->GetString(message, field));
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
    if (event.message != nullptr) record.changes = changes_of(*event.message, entry->changes);
    if (record.resource_id.empty()) record.resource_id = event.subject.empty() ? event.tenant_id : event.subject;
  } else {
    record.resource = event.type.substr(0, event.type.find('.'));
    record.resource_id = event.subject;
  }
  return record;
}

}  // namespace tenantry::audit
