#include "events/codec.h"

#include <algorithm>
#include <optional>

#include "events/catalogue.h"
#include "events/intake.h"
#include "events/topology.h"
#include "shared/core/bytes.h"
#include "shared/core/media_type.h"
#include "shared/core/rare.h"
#include "shared/crypto/hash.h"
#include "shared/json/json.h"
#include "shared/json/raw.h"

namespace tenantry::events {
namespace {

constexpr std::string_view prefix = "cloudEvents_";
constexpr std::string_view prefix_alternative = "cloudEvents:";

// The attribute that a header is, in binary mode; nothing for other headers.
std::optional<std::string> attribute_of(std::string_view header) {
  for (const auto form : {prefix, prefix_alternative}) {
    if (header.starts_with(form)) return ascii_lower(header.substr(form.size()));
  }
  return std::nullopt;
}

Error given_twice(const std::string& attribute) {
  return Error::invalid("/" + attribute, "twice", "may be given once");
}

// What AMQP calls the encoding of a body that stands as it is.
bool is_plain_encoding(std::string_view encoding) {
  const auto name = ascii_lower(encoding);
  return name.empty() || name == "identity" || name == "utf-8" || name == "us-ascii" || name == "binary";
}

Result<Foreign> read_wire(const WireMessage& message) {
  if (message.body.size() > body_size_max) {
    return Error{.code = Errc::invalid,
                 .reason = "too_large",
                 .message = "the event's body is larger than " + std::to_string(body_size_max) + " bytes",
                 .fields = {{"", "size", "at most 256 KiB"}}};
  }
  if (!is_plain_encoding(message.content_encoding)) {
    return Error::invalid("/content_encoding", "content_encoding",
                          "bodies are read as they are, and not decoded first");
  }
  Foreign foreign;
  for (const auto& [name, value] : message.headers) {
    const auto attribute = attribute_of(name);
    if (!attribute) continue;
    if (!foreign.attributes.emplace(*attribute, value).second) {
      return given_twice(*attribute);
    }
  }
  for (const auto& name : message.repeated_headers) {
    if (const auto attribute = attribute_of(name)) return given_twice(*attribute);
  }
  for (const auto& name : message.nested_headers) {
    if (const auto attribute = attribute_of(name)) {
      return Error::invalid("/" + *attribute, "attribute_value", "a list or a table is no attribute's value");
    }
  }
  if (foreign.attributes.contains("specversion")) {
    foreign.content_type = message.content_type;
    foreign.payload = message.body;
    return foreign;
  }
  return read_json_event(message.body, message.content_type);
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

// Whether a worker hears this type, among all that applications publish, by its routing key.
bool is_heard_by_key(std::string_view type) {
  return std::ranges::any_of(subscriptions(), [&](const Subscription& subscription) {
    return subscription.stream == Stream::application_events && subscription.pattern == type;
  });
}

std::string header_of(const WireMessage& message, std::string_view name) {
  const auto at = message.headers.find(std::string(name));
  return at == message.headers.end() ? std::string{} : at->second;
}

// All that a message says of its event: in binary mode what the attributes say, too.
std::string bytes_of(const WireMessage& message) {
  std::string bytes;
  for (const auto& [name, value] : message.headers) {
    if (attribute_of(name)) bytes.append(name).append("=").append(value).append("\n");
  }
  return bytes += message.body;
}

// Identity is what the publisher says it is, (source, id); without an id, the bytes themselves.
void identify(Event& event, std::string_view tenant_id, std::string_view body) {
  if (event.foreign_id.empty()) event.foreign_id = to_hex(crypto::sha256(as_bytes(body)));
  event.id = foreign_event_id(tenant_id, event.source, event.foreign_id);
}

// Whichever of its logins a tenant's application came with, it is one and the same.
std::string application_of(const WireMessage& message, std::string_view vhost_tenant) {
  const bool its_own = is_application_user(vhost_tenant, message.user_id);
  return its_own ? application_user(vhost_tenant) : message.user_id;
}

}  // namespace

Uuid foreign_event_id(std::string_view tenant_id, std::string_view source, std::string_view id) {
  std::string identity = "foreign\n";
  for (const auto part : {tenant_id, source, id})
    identity.append(std::to_string(part.size())).append("\n").append(part);
  return derive_uuid_v7(Timestamp{}, crypto::sha256(as_bytes(identity)));
}

Attributes attributes_of(const Event& event) {
  Attributes attributes = event.extensions;
  const auto set = [&](const char* name, std::string value) {
    if (!value.empty()) attributes[name] = std::move(value);
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
  return attributes;
}

std::map<std::string, std::string> encode_headers(const Event& event) {
  std::map<std::string, std::string> headers;
  for (auto& [name, value] : attributes_of(event)) headers.emplace(std::string(prefix) + name, value);
  if (!event.traceparent.empty()) headers["traceparent"] = event.traceparent;
  return headers;
}

std::string claimed_type(const WireMessage& message) {
  auto foreign = read_wire(message);
  if (!foreign) return {};
  const auto type = foreign->attributes["type"];
  return is_type_name(type) ? type : std::string{};
}

Result<Event> decode(const WireMessage& message, std::string_view vhost_tenant, const TrustRules& rules,
                     Timestamp arrived_at) {
  auto foreign = read_wire(message);
  if (!foreign) return foreign.error();
  auto& attributes = foreign->attributes;
  if (attributes["id"].empty()) attributes["id"] = message.message_id;
  const auto get = [&](const char* name) {
    const auto at = attributes.find(name);
    return at == attributes.end() ? std::string{} : at->second;
  };
  auto read = to_event(*foreign, arrived_at);
  if (!read) return in_place(read.error(), foreign->older);
  auto event = *std::move(read);
  event.tenant_id = get("tenantid");
  if (event.tenant_id.empty()) event.tenant_id = vhost_tenant;
  if (event.tenant_id.size() > 40) return Error::invalid("/tenantid", "tenant_id", "at most 40 characters");
  event.causation_id = get("causationid");
  event.correlation_id = get("correlationid");
  event.traceparent = get("traceparent");
  event.actor = parse_actor(attributes);

  const std::string id = event.foreign_id;
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
    if (id == kept->to_string()) event.foreign_id.clear();
  } else if (uuid && uuid->version() == 7 && !from_application) {
    event.id = *uuid;
    event.foreign_id.clear();
  } else {
    identify(event, vhost_tenant, event.foreign_id.empty() ? bytes_of(message) : std::string{});
  }
  if (from_application && !straight) event.actor = {.kind = "application", .id = application_of(message, vhost_tenant)};
  if (auto ok = parse_payload(event); !ok) return in_place(ok.error(), foreign->older);
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
    // The audit log would have it, and who counts it would not.
    const bool routed = routing_key == event.type || std::ranges::count(message.carbon_copies, event.type) > 0;
    if (is_heard_by_key(event.type) && !routed) {
      return refuse("wrong_key", event.type + " is published with its type as routing key, not " + routing_key);
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

std::string to_structured_json(const Event& event, const Attributes& more) {
  auto attributes = attributes_of(event);
  for (const auto& [name, value] : more) attributes[name] = value;
  // A payload that is JSON stands as its publisher wrote it, but for white space: a recording has an event a line.
  std::string data = is_json_type(event.content_type) ? without_white_space(event.payload) : payload_json(event);
  attributes["datacontenttype"] =
      data.empty() || is_json_type(event.content_type) ? event.content_type : "application/json";
  std::string out = "{";
  const auto member = [&out](std::string_view name) {
    if (out.size() > 1) out += ',';
    append_json_string(out, name);
    out += ':';
  };
  for (const auto& [name, value] : attributes) {
    if (value.empty()) continue;
    member(name);
    append_json_string(out, value);
  }
  if (data.empty()) {
    member("data_base64");
    append_json_string(out, to_base64(as_bytes(event.payload)));
  } else {
    member("data");
    out += data;
  }
  return out += '}';
}

namespace {

Result<Event> posted_event(Foreign& foreign, std::string_view tenant_id, std::string_view body, Timestamp arrived_at) {
  auto read = to_event(foreign, arrived_at);
  if (!read) return read.error();
  auto event = *std::move(read);
  if (Catalogue::instance().is_privileged(event.type)) {
    return Error{.code = Errc::forbidden,
                 .reason = "privileged_type",
                 .message = "only the platform publishes " + event.type,
                 .fields = {{"/type", "privileged", "only the platform publishes this type"}}};
  }
  if (const auto& claimed = foreign.attributes["tenantid"]; !claimed.empty() && claimed != tenant_id) {
    return Error{.code = Errc::forbidden,
                 .reason = "tenant_mismatch",
                 .message = "the event names another tenant than the token",
                 .fields = {{"/tenantid", "tenant", "must be the token's tenant"}}};
  }
  event.tenant_id = tenant_id;
  // Without an id, each request is an event of its own; but for the older envelope, which is known by its bytes.
  if (!event.foreign_id.empty() || foreign.older) identify(event, tenant_id, body);
  if (auto ok = parse_payload(event); !ok) return ok.error();
  return event;
}

}  // namespace

Error Posting::placed(Error error, std::size_t index) const {
  error = in_place(std::move(error), older);
  return batch ? in_batch(std::move(error), index) : error;
}

Result<Posting> decode_posted(const Posted& posted, std::string_view tenant_id, Timestamp arrived_at) {
  Posting posting;
  const bool binary = is_binary_mode(posted.fields);
  posting.batch = !binary && is_batch_type(posted.content_type);
  if (posting.batch) {
    auto batch = read_json_batch(posted.body);
    if (!batch) return batch.error();
    for (auto& foreign : *batch) {
      auto event = posted_event(foreign, tenant_id, {}, arrived_at);
      if (!event) return posting.placed(event.error(), posting.events.size());
      posting.events.push_back(*std::move(event));
    }
    return posting;
  }
  auto foreign = binary ? read_http_event(posted.fields, posted.content_type, posted.body)
                        : read_json_event(posted.body, posted.content_type);
  if (!foreign) return foreign.error();
  posting.older = foreign->older;
  auto event = posted_event(*foreign, tenant_id, posted.body, arrived_at);
  if (!event) return posting.placed(event.error(), 0);
  posting.events.push_back(*std::move(event));
  return posting;
}

}  // namespace tenantry::events
