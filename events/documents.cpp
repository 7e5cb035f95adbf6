#include "events/documents.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "events/catalogue.h"
#include "events/topology.h"
#include "shared/core/assert.h"
#include "shared/core/embedded.h"
#include "tenantry/events/v1/options.pb.h"

namespace tenantry {
std::span<const EmbeddedFile> event_examples();
}

namespace tenantry::events {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using nlohmann::json;

constexpr const char* binding_version = "0.3.0";  // the newest that AsyncAPI 3.0's schema admits

std::string_view example_of(const CatalogueEntry& entry) {
  const auto examples = event_examples();
  const auto name = entry.type + ".json";
  const auto found = std::ranges::find(examples, name, &EmbeddedFile::name);
  TENANTRY_ASSERT(found != examples.end());  // a test holds it
  return found->content;
}

// ---- payloads, as JSON writes them

json schema_of(const Descriptor& message);

json enum_schema(const google::protobuf::EnumDescriptor& values) {
  json names = json::array();
  for (int i = 0; i < values.value_count(); ++i) names.push_back(values.value(i)->name());
  return {{"type", "string"}, {"enum", std::move(names)}};
}

json value_schema(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return {{"type", "boolean"}};
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
      return {{"type", "integer"}};
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      return {{"type", "integer"}, {"minimum", 0}};
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return {{"type", "number"}};
    case FieldDescriptor::CPPTYPE_ENUM:
      return enum_schema(*field.enum_type());
    case FieldDescriptor::CPPTYPE_STRING:
      if (field.type() == FieldDescriptor::TYPE_BYTES) return {{"type", "string"}, {"contentEncoding", "base64"}};
      return {{"type", "string"}};
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (field.message_type()->full_name() == "google.protobuf.Timestamp") {
        return {{"type", "string"}, {"format", "date-time"}};
      }
      return schema_of(*field.message_type());
  }
  TENANTRY_ASSERT(false && "every type is named");
}

json field_schema(const FieldDescriptor& field) {
  json schema;
  if (field.is_map()) {
    schema = {{"type", "object"}, {"additionalProperties", value_schema(*field.message_type()->map_value())}};
  } else if (field.is_repeated()) {
    schema = {{"type", "array"}, {"items", value_schema(field)}};
  } else {
    schema = value_schema(field);
  }
  if (field.options().GetExtension(v1::personal)) schema["x-personal-data"] = true;
  return schema;
}

json schema_of(const Descriptor& message) {
  json schema = {{"type", "object"}, {"properties", json::object()}};
  json required = json::array();
  for (int i = 0; i < message.field_count(); ++i) {
    const auto& field = *message.field(i);
    schema["properties"][field.name()] = field_schema(field);
    if (field.options().GetExtension(v1::required)) required.push_back(field.name());
  }
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

// ---- who publishes, and who hears

bool matches(std::string_view pattern, std::string_view type) {
  if (pattern == "#" || pattern == type) return true;
  return pattern.ends_with("%") && type.starts_with(pattern.substr(0, pattern.size() - 1));
}

std::vector<std::string> producers_of(const CatalogueEntry& entry) {
  std::vector<std::string> out;
  for (const auto& producer : producers()) {
    const auto says = [&](std::string_view pattern) { return matches(pattern, entry.type); };
    if (std::ranges::any_of(producer.types, says)) out.emplace_back(producer.service);
  }
  if (entry.open) out.emplace_back("application");
  return out;
}

std::vector<std::string> consumers_of(const CatalogueEntry& entry) {
  std::vector<std::string> out;
  for (const auto& subscription : subscriptions()) {
    if (!matches(subscription.pattern, entry.type)) continue;
    if (std::ranges::find(out, subscription.worker) == out.end()) out.emplace_back(subscription.worker);
  }
  if (std::ranges::find(heard_by_applications(), entry.type) != heard_by_applications().end()) {
    out.emplace_back("application");
  }
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out.empty() ? "–" : out;
}

// ---- AsyncAPI

json amqp_channel(const CatalogueEntry& entry, bool of_applications) {
  const std::string stream = of_applications ? ".app" : ".events";
  const bool platform = entry.platform_scope && !of_applications;
  return {{"is", "routingKey"},
          {"exchange",
           {{"name", (platform ? "platform" : "{tenant_id}") + stream},
            {"type", "topic"},
            {"durable", true},
            {"autoDelete", false},
            {"vhost", platform ? "platform" : "tenant-{tenant_id}"}}},
          {"bindingVersion", binding_version}};
}

json attribute(const char* means, const char* format = nullptr) {
  json out = {{"type", "string"}, {"description", means}};
  if (format != nullptr) out["format"] = format;
  return out;
}

json headers_schema() {
  return {
      {"type", "object"},
      {"description",
       "A CloudEvent 1.0 in AMQP's binary mode; what an application may leave out is in docs/publishing-events.md."},
      {"properties",
       {{"cloudEvents_specversion", {{"const", "1.0"}}},
        {"cloudEvents_id", attribute("a UUIDv7; with the source the event's identity")},
        {"cloudEvents_type", attribute("the channel's address")},
        {"cloudEvents_source", attribute("who published it", "uri-reference")},
        {"cloudEvents_subject", attribute("what it is about")},
        {"cloudEvents_time", attribute("when it was so", "date-time")},
        {"cloudEvents_tenantid", attribute("whose it is: the vhost's tenant")},
        {"cloudEvents_causationid", attribute("the event that it follows from")},
        {"cloudEvents_correlationid", attribute("the request that it began with")},
        {"cloudEvents_actor", attribute("who made it so: user:<id>, service:<name>, stripe:<event id>, anonymous")},
        {"cloudEvents_actorip", attribute("from where")},
        {"cloudEvents_actoragent", attribute("with what")},
        {"cloudEvents_traceparent", attribute("W3C Trace Context")},
        {"cloudEvents_dataschema", attribute("urn:tenantry:<the payload's message>")}}},
      {"required",
       json::array({"cloudEvents_specversion", "cloudEvents_id", "cloudEvents_type", "cloudEvents_source"})}};
}

json message_of(const CatalogueEntry& entry) {
  return {{"name", entry.type},
          {"title", entry.type},
          {"summary", entry.summary},
          {"contentType", "application/json"},
          {"headers", {{"$ref", "#/components/schemas/CloudEvent"}}},
          {"payload", schema_of(*entry.descriptor)},
          {"examples", json::array({{{"name", entry.type}, {"payload", json::parse(example_of(entry))}}})},
          {"x-protobuf", entry.schema},
          {"x-privileged", !entry.open}};
}

json reference(const std::string& to) {
  return {{"$ref", to}};
}

void add_operation(json& document, const char* action, const std::string& who, const std::string& channel,
                   const std::string& type, const std::string& summary) {
  document["operations"][who + (std::string(action) == "send" ? " sends " : " hears ") + channel] = {
      {"action", action},
      {"summary", summary},
      {"channel", reference("#/channels/" + channel)},
      {"messages", json::array({reference("#/channels/" + channel + "/messages/" + type)})},
      {"tags", json::array({{{"name", who}}})}};
}

void add_channel(json& document, const CatalogueEntry& entry, bool of_applications) {
  const auto channel = entry.type + (of_applications ? ".app" : "");
  document["channels"][channel] = {
      {"address", entry.type},
      {"title", entry.type},
      {"description", of_applications ? "As a tenant's application publishes it." : entry.summary},
      {"messages", {{entry.type, reference("#/components/messages/" + entry.type)}}},
      {"bindings", {{"amqp", amqp_channel(entry, of_applications)}}}};
  for (const auto& who : producers_of(entry)) {
    if ((who == "application") == of_applications) {
      add_operation(document, "send", who, channel, entry.type, who + " publishes it.");
    }
  }
  for (const auto& who : consumers_of(entry)) {
    const auto stream = of_applications ? Stream::application_events : Stream::platform_events;
    const bool hears = who == "application"
                           ? !of_applications
                           : std::ranges::any_of(subscriptions(), [&](const Subscription& subscription) {
                               return subscription.worker == who && subscription.stream == stream &&
                                      matches(subscription.pattern, entry.type);
                             });
    if (hears) add_operation(document, "receive", who, channel, entry.type, who + " acts on it, or keeps it.");
  }
}

}  // namespace

json make_asyncapi() {
  json document = {
      {"asyncapi", "3.0.0"},
      {"info",
       {{"title", "Tenantry's events"},
        {"version", "1.0.0"},
        {"description",
         "Every tenant has a vhost of its own, tenant-<tenant_id>. The platform publishes to the topic exchange "
         "<tenant_id>.events there, a tenant's applications to <tenant_id>.app; what precedes a vhost or concerns the "
         "platform travels in vhost platform. A privileged type counts only from the platform. Payloads are Protobuf "
         "or "
         "JSON, by content-type, of one schema; integers may have 64 bits."}}},
      {"defaultContentType", "application/json"},
      {"channels", json::object()},
      {"operations", json::object()},
      {"components", {{"messages", json::object()}, {"schemas", {{"CloudEvent", headers_schema()}}}}}};
  for (const auto& entry : Catalogue::instance().entries()) {
    document["components"]["messages"][entry.type] = message_of(entry);
    add_channel(document, entry, false);
    if (entry.open) add_channel(document, entry, true);
  }
  return document;
}

namespace {

void append_fields(std::string& page, const Descriptor& message) {
  page += "| field | type | |\n|---|---|---|\n";
  for (int i = 0; i < message.field_count(); ++i) {
    const auto& field = *message.field(i);
    const auto schema = field_schema(field);
    std::vector<std::string> notes;
    if (field.options().GetExtension(v1::required)) notes.emplace_back("required");
    if (field.options().GetExtension(v1::personal)) notes.emplace_back("personal data");
    std::string type = schema["type"];
    if (schema.contains("format")) type = schema["format"];
    page += "| `" + field.name() + "` | " + type + " | " + (notes.empty() ? "" : joined(notes)) + " |\n";
  }
  page += '\n';
}

}  // namespace

std::string make_event_page() {
  std::string page =
      "# Events\n\n"
      "Every type there is, made from `schemas/` by `tenantry events types --markdown`; as an AsyncAPI 3.0 document: "
      "[asyncapi.json](asyncapi.json)\n(`tenantry asyncapi`). \"application\" is a tenant's own: what it may publish "
      "is "
      "in [publishing-events.md](publishing-events.md), how it hears in\n"
      "[connecting-an-application.md](connecting-an-application.md). How a type is added is in "
      "[adding-an-event-type.md](adding-an-event-type.md).\n\n"
      "| type | | published by | heard by |\n|---|---|---|---|\n";
  const auto& entries = Catalogue::instance().entries();
  for (const auto& entry : entries) {
    std::string anchor = entry.type;
    std::erase(anchor, '.');
    page += "| [`" + entry.type + "`](#" + anchor + ") | " + entry.summary + " | " + joined(producers_of(entry)) +
            " | " + joined(consumers_of(entry)) + " |\n";
  }
  for (const auto& entry : entries) {
    page += "\n## `" + entry.type + "`\n\n" + entry.summary + "\n\n";
    append_fields(page, *entry.descriptor);
    page += "```json\n" + std::string(example_of(entry));
    if (page.back() != '\n') page += '\n';
    page += "```\n";
  }
  return page;
}

}  // namespace tenantry::events
