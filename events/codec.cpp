#include "events/codec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "events/catalogue.h"
#include "shared/core/rare.h"
#include "shared/crypto/hash.h"
#include "shared/json/json.h"
#include "tenantry/events/v1/options.pb.h"

namespace tenantry::events {
namespace {

using nlohmann::json;

constexpr std::string_view prefix = "cloudEvents_";
constexpr std::string_view prefix_alternative = "cloudEvents:";

bool is_type_name(std::string_view type) {
  if (type.empty() || type.size() > 128) return false;
  return std::ranges::all_of(type, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

std::string lower(std::string_view text) {
  std::string out{text};
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// Attributes by their CloudEvents name, whichever mode they came in.
using Attributes = std::map<std::string, std::string>;

struct Parsed {
  Attributes attributes;
  std::string content_type;
  std::string payload;
};

Result<std::string> text_member(const json& object, const char* name) {
  const auto at = object.find(name);
  if (at == object.end() || at->is_null()) return std::string{};
  if (!at->is_string()) return Error::invalid(std::string("/") + name, "string", "must be a string");
  return at->get<std::string>();
}

Result<Parsed> parse_structured(const json& object) {
  Parsed parsed;
  for (const auto& [name, value] : object.items()) {
    if (name == "data" || name == "data_base64") continue;
    if (name.size() > 64) return Error::invalid("/" + name.substr(0, 64), "attribute_name", "at most 64 characters");
    if (value.is_string()) {
      parsed.attributes[name] = value.get<std::string>();
    } else if (value.is_number() || value.is_boolean()) {
      parsed.attributes[name] = value.dump();
    } else if (!value.is_null()) {
      return Error::invalid("/" + name, "attribute_value", "a CloudEvents attribute is a string, number or boolean");
    }
  }
  parsed.content_type =
      parsed.attributes.contains("datacontenttype") ? parsed.attributes["datacontenttype"] : "application/json";
  if (const auto data = object.find("data"); data != object.end()) {
    if (!is_json_type(parsed.content_type)) {
      return Error::invalid("/datacontenttype", "json_data", "data is JSON; other content goes into data_base64");
    }
    parsed.payload = data->dump();
  } else if (const auto encoded = object.find("data_base64"); encoded != object.end()) {
    if (!encoded->is_string()) return Error::invalid("/data_base64", "string", "must be a string");
    const auto bytes = from_base64(encoded->get_ref<const std::string&>());
    if (!bytes) return Error::invalid("/data_base64", "base64", "must be base64 with padding");
    parsed.payload = std::string(as_text(*bytes));
  } else {
    parsed.payload = "{}";
  }
  return parsed;
}

// {"event":"order.created","tenant_id":"client-abc","website_id":123,"timestamp":"...","payload":{...}}
Result<Parsed> parse_older_envelope(const json& object) {
  Parsed parsed;
  parsed.content_type = "application/json";
  const auto type = text_member(object, "event");
  if (!type) return type.error();
  if (type->empty()) return Error::invalid("/event", "required", "names the event's type");
  const auto tenant = text_member(object, "tenant_id");
  if (!tenant) return tenant.error();
  if (tenant->empty()) return Error::invalid("/tenant_id", "required", "names the tenant");
  const auto time = text_member(object, "timestamp");
  if (!time) return time.error();
  parsed.attributes = {{"specversion", "1.0"}, {"type", *type}, {"tenantid", *tenant}, {"time", *time}};
  if (const auto site = object.find("website_id"); site != object.end()) {
    if (!site->is_number_integer() && !site->is_string()) {
      return Error::invalid("/website_id", "number", "must be a number or a string");
    }
    parsed.attributes["subject"] = "website/" + (site->is_string() ? site->get<std::string>() : site->dump());
  }
  const auto payload = object.find("payload");
  if (payload != object.end() && !payload->is_object()) {
    return Error::invalid("/payload", "object", "must be an object");
  }
  parsed.payload = payload == object.end() ? "{}" : payload->dump();
  return parsed;
}

Result<Parsed> parse_json_body(std::string_view body, std::string_view content_type) {
  const auto document = parse_json(body, {.depth = json_depth_max, .size = body_size_max});
  if (!document) return document.error();
  if (!document->is_object()) return Error::invalid("", "object", "the body must be a JSON object");
  if (lower(content_type).starts_with("application/cloudevents") || document->contains("specversion")) {
    return parse_structured(*document);
  }
  if (document->contains("event")) return parse_older_envelope(*document);
  return Error::invalid("", "envelope", "neither CloudEvents attributes nor the envelope's \"event\" are there");
}

Result<Parsed> parse_wire(const WireMessage& message) {
  if (message.body.size() > body_size_max) {
    return Error{.code = Errc::invalid,
                 .reason = "too_large",
                 .message = "the event's body is larger than " + std::to_string(body_size_max) + " bytes",
                 .fields = {{"", "size", "at most 256 KiB"}}};
  }
  Parsed parsed;
  for (const auto& [name, value] : message.headers) {
    for (const auto form : {prefix, prefix_alternative}) {
      if (name.starts_with(form)) parsed.attributes[lower(name.substr(form.size()))] = value;
    }
  }
  if (parsed.attributes.contains("specversion")) {
    parsed.content_type = message.content_type;
    parsed.payload = message.body;
    return parsed;
  }
  return parse_json_body(message.body, message.content_type);
}

Actor parse_actor(const Attributes& attributes) {
  Actor actor{.kind = "service"};
  const auto get = [&](const char* name) {
    const auto at = attributes.find(name);
    return at == attributes.end() ? std::string{} : at->second;
  };
  const std::string text = get("actor");
  const auto colon = text.find(':');
  actor.kind = text.substr(0, colon);
  if (colon != text.npos) actor.id = text.substr(colon + 1);
  actor.ip = get("actorip");
  actor.user_agent = get("actoragent");
  return actor;
}

Error json_payload_error(std::string_view why) {
  return {.code = Errc::invalid,
          .reason = "invalid_payload",
          .message = "payload: " + std::string(why.substr(0, 300)),
          .fields = {{"/data", "schema", std::string(why.substr(0, 300))}}};
}

Result<void> check_required(const google::protobuf::Message& message, const std::string& path) {
  const auto* reflection = message.GetReflection();
  const auto* descriptor = message.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto* field = descriptor->field(i);
    const std::string pointer = path + "/" + field->name();
    if (field->options().GetExtension(v1::required)) {
      // Without presence a field counts as there when it is not its default: an empty string is none.
      const bool present =
          field->is_repeated() ? reflection->FieldSize(message, field) > 0 : reflection->HasField(message, field);
      if (!present) return Error::invalid(pointer, "required", field->name() + " is required by " + descriptor->name());
    }
    if (!field->is_repeated() && field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE &&
        reflection->HasField(message, field) && field->message_type()->full_name().starts_with("tenantry.")) {
      if (auto ok = check_required(reflection->GetMessage(message, field), pointer); !ok) return ok;
    }
  }
  return {};
}

std::string header_of(const WireMessage& message, std::string_view name) {
  const auto at = message.headers.find(std::string(name));
  return at == message.headers.end() ? std::string{} : at->second;
}

}  // namespace

bool is_json_type(std::string_view content_type) {
  return content_type.starts_with("application/json") || content_type.find("+json") != content_type.npos;
}

Uuid foreign_event_id(Timestamp time, std::string_view tenant_id, std::string_view source, std::string_view id) {
  std::string identity = "foreign\n";
  for (const auto part : {tenant_id, source, id})
    identity.append(std::to_string(part.size())).append("\n").append(part);
  return derive_uuid_v7(time, crypto::sha256(as_bytes(identity)));
}

std::map<std::string, std::string> encode_headers(const Event& event) {
  std::map<std::string, std::string> headers;
  const auto set = [&](const char* name, std::string value) {
    if (!value.empty()) headers[std::string(prefix) + name] = std::move(value);
  };
  set("specversion", "1.0");
  set("id", event.foreign_id.empty() ? event.id.to_string() : event.foreign_id);
  set("type", event.type);
  set("source", event.source);
  set("subject", event.subject);
  set("time", to_rfc3339(event.time));
  set("tenantid", event.tenant_id);
  set("causationid", event.causation_id);
  set("correlationid", event.correlation_id);
  set("traceparent", event.traceparent);
  set("actor", event.actor.id.empty() ? event.actor.kind : event.actor.kind + ":" + event.actor.id);
  set("actorip", event.actor.ip);
  set("actoragent", event.actor.user_agent);
  if (const auto* entry = Catalogue::instance().find(event.type)) set("dataschema", "urn:tenantry:" + entry->schema);
  if (!event.traceparent.empty()) headers["traceparent"] = event.traceparent;
  return headers;
}

Result<void> parse_payload(Event& event) {
  const auto* entry = Catalogue::instance().find(event.type);
  if (entry == nullptr) {
    if (is_json_type(event.content_type)) {
      // Nobody knows the type, but its JSON must still be JSON: it ends in the audit log's payload.
      if (auto document = parse_json(event.payload, {.depth = json_depth_max, .size = body_size_max}); !document) {
        return document.error();
      }
    }
    return {};
  }
  std::shared_ptr<google::protobuf::Message> message(entry->prototype->New());
  if (is_json_type(event.content_type)) {
    // Checked first by our own parser, for depth, duplicate keys and well-formed text.
    if (auto document = parse_json(event.payload, {.depth = json_depth_max, .size = body_size_max}); !document) {
      return document.error();
    }
    const auto status = google::protobuf::util::JsonStringToMessage(event.payload, message.get());
    if (!status.ok()) return json_payload_error(status.message().as_string());
  } else if (event.content_type.starts_with("application/protobuf") ||
             event.content_type.starts_with("application/x-protobuf")) {
    google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(event.payload.data()),
                                              static_cast<int>(event.payload.size()));
    in.SetRecursionLimit(json_depth_max);
    if (!message->ParseFromCodedStream(&in) || !in.ConsumedEntireMessage()) {
      return json_payload_error("not a " + entry->schema);
    }
  } else {
    return Error::invalid("/datacontenttype", "content_type",
                          "the payload must be application/protobuf or application/json");
  }
  if (auto ok = check_required(*message, "/data"); !ok) return ok;
  event.message = std::move(message);
  return {};
}

std::string claimed_type(const WireMessage& message) {
  const auto parsed = parse_wire(message);
  if (!parsed) return {};
  const auto type = parsed->attributes.find("type");
  return type != parsed->attributes.end() && is_type_name(type->second) ? type->second : std::string{};
}

Result<Event> decode(const WireMessage& message, std::string_view vhost_tenant, const TrustRules& rules) {
  auto parsed = parse_wire(message);
  if (!parsed) return parsed.error();
  auto& attributes = parsed->attributes;
  const auto get = [&](const char* name) {
    const auto at = attributes.find(name);
    return at == attributes.end() ? std::string{} : at->second;
  };
  if (get("specversion") != "1.0") return Error::invalid("/specversion", "specversion", "must be 1.0");
  Event event;
  event.type = get("type");
  if (!is_type_name(event.type)) {
    return Error::invalid("/type", "type", "1 to 128 of letters, digits, '.', '_' and '-'");
  }
  event.tenant_id = get("tenantid");
  if (event.tenant_id.empty()) event.tenant_id = vhost_tenant;
  if (event.tenant_id.size() > 40) return Error::invalid("/tenantid", "tenant_id", "at most 40 characters");
  for (const auto& [name, value] : attributes) {
    if (value.size() > 2048 || !is_utf8(value) || value.find('\0') != value.npos) {
      return Error::invalid("/" + name, "attribute_value", "at most 2048 bytes of UTF-8 without NUL");
    }
  }
  if (const auto text = get("time"); !text.empty()) {
    const auto time = from_rfc3339(text);
    if (!time) return Error::invalid("/time", "rfc3339", "must be an RFC 3339 time");
    event.time = *time;
  }
  event.source = get("source");
  event.subject = get("subject");
  event.causation_id = get("causationid");
  event.correlation_id = get("correlationid");
  event.traceparent = get("traceparent");
  event.actor = parse_actor(attributes);
  event.content_type = parsed->content_type;
  event.payload = std::move(parsed->payload);

  std::string id = get("id");
  if (id.empty()) id = message.message_id;
  if (id.size() > id_length_max) return Error::invalid("/id", "length", "at most 255 bytes");
  const bool straight = message.exchange.empty();  // a retry or redrive by the relay: it says what it first was
  const std::string exchange = straight ? header_of(message, header_exchange) : message.exchange;
  const bool from_application = exchange.ends_with(".app") && message.user_id != rules.publisher_user;
  const auto uuid = Uuid::parse(id);
  // The platform's own publisher says which event it is; nobody else is believed (check_trust refuses what goes
  // straight to a queue and is not the platform's).
  const bool says_which = straight || (!message.user_id.empty() && message.user_id == rules.publisher_user);
  const auto kept = says_which ? Uuid::parse(header_of(message, header_event_id)) : Result<Uuid>(Error{});
  if (kept) {
    event.id = *kept;
    if (id != kept->to_string()) event.foreign_id = id;
  } else if (uuid && uuid->version() == 7 && !from_application) {
    event.id = *uuid;
  } else {
    // Identity is what the publisher says it is; without an id, the bytes themselves.
    if (id.empty()) id = to_hex(crypto::sha256(as_bytes(message.body)));
    event.foreign_id = id;
    event.id = foreign_event_id(event.time, vhost_tenant, event.source, id);
  }
  if (from_application && !straight) event.actor = {.kind = "application", .id = message.user_id};
  if (auto ok = parse_payload(event); !ok) return ok.error();
  return event;
}

Result<void> check_trust(const Event& event, const WireMessage& message, std::string_view vhost_tenant,
                         const TrustRules& rules) {
  const auto refuse = [](const char* rule, std::string detail) {
    return Error{.code = Errc::refused, .reason = rule, .message = std::move(detail)};
  };
  const auto& catalogue = Catalogue::instance();
  const bool from_platform_user = !message.user_id.empty() && message.user_id == rules.publisher_user;

  // Straight to a queue: only the relay does that (retries, redrives), and it says where the message first came from.
  std::string exchange = message.exchange;
  std::string routing_key = message.routing_key;
  if (exchange.empty()) {
    if (!from_platform_user) {
      return refuse("forged_route", "published to the default exchange by \"" + message.user_id + "\"");
    }
    exchange = header_of(message, header_exchange);
    routing_key = header_of(message, header_routing_key);
  }

  const bool believed = rare::is(rare::Mutant::payload_names_tenant);
  if (vhost_tenant != "platform" && event.tenant_id != vhost_tenant && !believed) {
    return refuse("wrong_tenant",
                  "names tenant \"" + event.tenant_id + "\" in the vhost of \"" + std::string(vhost_tenant) + "\"");
  }
  // In "platform" nobody but the platform publishes; a tenant's event is there while its own vhost is not.
  const bool on_platform_exchange = vhost_tenant == "platform" ? exchange.ends_with(".events") || from_platform_user
                                                               : exchange == std::string(vhost_tenant) + ".events";
  if (!on_platform_exchange) {
    if (catalogue.is_privileged(event.type)) {
      return refuse("forged_type", event.type + " was published to \"" + exchange + "\", not by the platform");
    }
    if (catalogue.is_privileged(routing_key)) {
      return refuse("forged_key", "routing key " + routing_key + " carries an event of type " + event.type);
    }
    for (const auto& key : message.carbon_copies) {
      if (catalogue.is_privileged(key)) return refuse("forged_key", "CC " + key + " beside routing key " + routing_key);
    }
    return {};
  }
  if (!from_platform_user) {
    return refuse("forged_publisher", event.type + " was published to \"" + exchange + "\" by \"" + message.user_id +
                                          "\", not by the platform's publisher");
  }
  if (event.type != routing_key) {
    return refuse("forged_key", "routing key " + routing_key + " carries an event of type " + event.type);
  }
  return {};
}

std::string to_structured_json(const Event& event) {
  nlohmann::ordered_json out;
  const auto headers = encode_headers(event);
  for (const char* name : {"specversion", "id", "source", "type", "subject", "time", "tenantid", "correlationid",
                           "causationid", "traceparent", "actor", "dataschema"}) {
    const auto at = headers.find(std::string(prefix) + name);
    if (at != headers.end()) out[name] = at->second;
  }
  const std::string data = payload_json(event);
  if (!data.empty()) {
    out["datacontenttype"] = "application/json";
    out["data"] = nlohmann::ordered_json::parse(data, nullptr, false);
  } else {
    out["datacontenttype"] = event.content_type;
    out["data_base64"] = to_base64(as_bytes(event.payload));
  }
  return out.dump();
}

Result<Event> decode_application_event(std::string_view body, std::string_view content_type,
                                       std::string_view tenant_id) {
  auto parsed = parse_json_body(body, content_type);
  if (!parsed) return parsed.error();
  const auto get = [&](const char* name) {
    const auto at = parsed->attributes.find(name);
    return at == parsed->attributes.end() ? std::string{} : at->second;
  };
  if (get("specversion") != "1.0") return Error::invalid("/specversion", "specversion", "must be 1.0");
  Event event;
  event.type = get("type");
  if (!is_type_name(event.type)) {
    return Error::invalid("/type", "type", "1 to 128 of letters, digits, '.', '_' and '-'");
  }
  if (Catalogue::instance().is_privileged(event.type)) {
    return Error{.code = Errc::forbidden,
                 .reason = "privileged_type",
                 .message = "only the platform publishes " + event.type,
                 .fields = {{"/type", "privileged", "only the platform publishes this type"}}};
  }
  if (const auto claimed = get("tenantid"); !claimed.empty() && claimed != tenant_id) {
    return Error{.code = Errc::forbidden,
                 .reason = "tenant_mismatch",
                 .message = "the event names another tenant than the token",
                 .fields = {{"/tenant_id", "tenant", "must be the token's tenant"}}};
  }
  event.tenant_id = tenant_id;
  if (const auto text = get("time"); !text.empty()) {
    const auto time = from_rfc3339(text);
    if (!time) return Error::invalid("/time", "rfc3339", "must be an RFC 3339 time");
    event.time = *time;
  }
  event.subject = get("subject");
  if (event.subject.size() > 1024 || !is_utf8(event.subject)) {
    return Error::invalid("/subject", "length", "at most 1024 bytes");
  }
  event.foreign_id = get("id");
  if (event.foreign_id.size() > id_length_max) return Error::invalid("/id", "length", "at most 255 bytes");
  event.content_type = parsed->content_type;
  event.payload = std::move(parsed->payload);
  if (auto ok = parse_payload(event); !ok) return ok.error();
  return event;
}

}  // namespace tenantry::events
