#include "events/intake.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "events/catalogue.h"
#include "events/codec.h"
#include "shared/core/bytes.h"
#include "shared/core/media_type.h"
#include "shared/json/json.h"
#include "shared/json/raw.h"

namespace tenantry::events {
namespace {

using nlohmann::json;

// CloudEvents asks for lower-case letters and digits; other spellings that travel well are let through. The data's own
// names would stand beside it where an event is written in structured mode.
bool is_attribute_name(std::string_view name) {
  if (name == "data" || name == "data_base64") return false;
  return !name.empty() && name.size() <= attribute_name_max && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
  });
}

// A name or a text that fits into an answer's pointer.
std::string shown(std::string_view name) {
  const auto cut = name.substr(0, attribute_name_max);
  return is_utf8(cut) ? std::string(cut) : std::string("?");
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

// A member's value as it was written; "" where there is none.
std::string_view raw_of(const std::vector<RawPart>& parts, std::string_view name) {
  const auto at = std::ranges::find(parts, name, &RawPart::name);
  return at == parts.end() ? std::string_view{} : at->text;
}

Result<std::string> text_member(const json& object, const char* name) {
  const auto at = object.find(name);
  if (at == object.end() || at->is_null()) return std::string{};
  if (!at->is_string()) return Error::invalid(std::string("/") + name, "string", "must be a string");
  return at->get<std::string>();
}

Result<std::string> read_data(const json& object, const std::vector<RawPart>& parts, const std::string& content_type) {
  const auto data = object.find("data");
  const auto encoded = object.find("data_base64");
  if (data != object.end() && encoded != object.end()) {
    return Error::invalid("/data_base64", "exclusive", "an event has data or data_base64, not both");
  }
  if (encoded != object.end()) {
    if (!encoded->is_string()) return Error::invalid("/data_base64", "string", "must be a string");
    const auto bytes = from_base64(encoded->get_ref<const std::string&>());
    if (!bytes) return Error::invalid("/data_base64", "base64", "must be base64 with padding");
    return std::string(as_text(*bytes));
  }
  if (data == object.end()) return std::string("{}");
  if (is_json_type(content_type)) return std::string(raw_of(parts, "data"));
  if (!data->is_string() && !parse_media_type(content_type)) {
    return Error::invalid("/datacontenttype", "content_type", "is no media type");
  }
  if (!data->is_string()) {
    return Error::invalid("/data", "string", "data of another type than JSON is a string, or goes into data_base64");
  }
  return data->get<std::string>();
}

Result<Foreign> read_structured(const json& object, std::string_view text) {
  const auto parts = raw_parts(text);
  Foreign foreign;
  for (const auto& [name, value] : object.items()) {
    if (name == "data" || name == "data_base64") continue;
    if (value.is_null()) continue;
    if (value.is_structured()) {
      return Error::invalid("/" + shown(name), "attribute_value",
                            "a CloudEvents attribute is a string, number or boolean");
    }
    auto text_value = value.is_string() ? value.get<std::string>() : std::string(raw_of(parts, name));
    if (!foreign.attributes.emplace(ascii_lower(name), std::move(text_value)).second) {
      return Error::invalid("/" + shown(name), "twice", "may be given once");
    }
  }
  const auto content_type = foreign.attributes.find("datacontenttype");
  const bool told = content_type != foreign.attributes.end() && !content_type->second.empty();
  foreign.content_type = told ? content_type->second : "application/json";
  auto data = read_data(object, parts, foreign.content_type);
  if (!data) return data.error();
  foreign.payload = *std::move(data);
  return foreign;
}

// {"event":"order.created","tenant_id":"client-abc","website_id":123,"timestamp":"...","payload":{...}}, and "id".
Result<Foreign> read_older_envelope(const json& object, std::string_view text) {
  const auto parts = raw_parts(text);
  Foreign foreign{.content_type = "application/json", .older = true};
  foreign.attributes["specversion"] = "1.0";
  constexpr std::pair<const char*, const char*> members[] = {
      {"event", "type"}, {"tenant_id", "tenantid"}, {"timestamp", "time"}, {"id", "id"}};
  for (const auto& [member, attribute] : members) {
    auto value = text_member(object, member);
    if (!value) return value.error();
    foreign.attributes[attribute] = *std::move(value);
  }
  if (foreign.attributes["type"].empty()) return Error::invalid("/event", "required", "names the event's type");
  if (foreign.attributes["tenantid"].empty()) return Error::invalid("/tenant_id", "required", "names the tenant");
  if (const auto site = object.find("website_id"); site != object.end()) {
    const auto digits = raw_of(parts, "website_id");  // of more than 64 bits, too
    if (!site->is_string() && (!site->is_number() || digits.find_first_of(".eE") != digits.npos)) {
      return Error::invalid("/website_id", "number", "must be a whole number or a string");
    }
    foreign.attributes["subject"] = "website/" + (site->is_string() ? site->get<std::string>() : std::string(digits));
  }
  const auto payload = object.find("payload");
  if (payload != object.end() && !payload->is_object()) {
    return Error::invalid("/payload", "object", "must be an object");
  }
  foreign.payload = payload == object.end() ? "{}" : std::string(raw_of(parts, "payload"));
  return foreign;
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// CloudEvents over HTTP 3.1.3.2: a value is percent-encoded, and may be in quotes. Nothing for a broken escape.
std::optional<std::string> field_value(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    if (at + 2 >= text.size() || !is_hex(text[at + 1]) || !is_hex(text[at + 2])) return std::nullopt;
    out += static_cast<char>(std::stoi(std::string(text.substr(at + 1, 2)), nullptr, 16));
    at += 2;
  }
  return out;
}

constexpr std::string_view field_prefix = "ce-";

// The attributes that an Event has a member for, or that its envelope alone is about; what the platform adds to an
// event that it publishes for somebody is among them. In the order of their names.
bool is_of_the_envelope(std::string_view name) {
  static constexpr std::array<std::string_view, 14> names = {
      "actor",  "actoragent",  "actorip", "causationid", "correlationid", "datacontenttype", "id",
      "source", "specversion", "subject", "tenantid",    "time",          "traceparent",     "type"};
  static_assert(std::ranges::is_sorted(names));
  return std::ranges::binary_search(names, name);
}

}  // namespace

bool is_type_name(std::string_view type) {
  if (type.empty() || type.size() > 128) return false;
  return std::ranges::all_of(type, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

bool is_batch_type(std::string_view content_type) {
  const auto media = parse_media_type(content_type);
  return media && media->is("application/cloudevents-batch+json");
}

bool is_structured_type(std::string_view content_type) {
  const auto media = parse_media_type(content_type);
  return media && (media->is("application/cloudevents+json") || media->is("application/cloudevents"));
}

Result<Foreign> read_json_event(std::string_view body, std::string_view content_type) {
  if (is_batch_type(content_type)) {
    return Error::invalid("", "batch", "a message holds one event; batches are for POST /v1/events");
  }
  const auto media = parse_media_type(content_type);
  const auto charset = media ? media->parameter("charset") : std::nullopt;
  if (charset && ascii_lower(*charset) != "utf-8" && ascii_lower(*charset) != "us-ascii") {
    return Error::invalid("", "charset", "JSON is UTF-8, not " + shown(*charset));
  }
  // The envelope is a level more than the payload in it, which parse_payload holds to its own limit.
  const auto document = parse_json(body, {.depth = json_depth_max + 1, .size = body_size_max});
  if (!document) return document.error();
  if (!document->is_object()) return Error::invalid("", "object", "the body must be a JSON object");
  if (is_structured_type(content_type) || document->contains("specversion")) return read_structured(*document, body);
  if (document->contains("event")) return read_older_envelope(*document, body);
  return Error::invalid("", "envelope", "neither CloudEvents attributes nor the envelope's \"event\" are there");
}

Result<std::vector<Foreign>> read_json_batch(std::string_view body) {
  constexpr std::size_t batch_size_max = 1024UL * 1024;
  const auto document = parse_json(body, {.depth = json_depth_max + 2, .size = batch_size_max});
  if (!document) return document.error();
  if (!document->is_array() || document->empty() || document->size() > batch_max) {
    return Error::invalid("", "batch", "a batch is an array of 1 to " + std::to_string(batch_max) + " events");
  }
  const auto parts = raw_parts(body);
  std::vector<Foreign> batch;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& object = (*document)[i];
    if (!object.is_object()) return in_batch(Error::invalid("", "object", "an event is a JSON object"), i);
    if (parts[i].text.size() > body_size_max) return in_batch(Error::invalid("", "size", "at most 256 KiB"), i);
    auto foreign = read_structured(object, parts[i].text);
    if (!foreign) return in_batch(foreign.error(), i);
    batch.push_back(*std::move(foreign));
  }
  return batch;
}

bool is_binary_mode(const HttpFields& fields) {
  return std::ranges::any_of(fields, [](const auto& field) { return ascii_lower(field.first) == "ce-specversion"; });
}

Result<Foreign> read_http_event(const HttpFields& fields, std::string_view content_type, std::string_view body) {
  if (body.size() > body_size_max) {
    return Error{.code = Errc::too_large, .reason = "too_large", .message = "an event's data is at most 256 KiB"};
  }
  Foreign foreign{.content_type = std::string(content_type), .payload = std::string(body)};
  for (const auto& [field, text] : fields) {
    const auto name = ascii_lower(field);
    if (!name.starts_with(field_prefix)) continue;
    const auto attribute = name.substr(field_prefix.size());
    const auto value = field_value(text);
    if (!value) return Error::invalid("/" + shown(attribute), "percent_encoding", "% begins two hexadecimal digits");
    if (!foreign.attributes.emplace(attribute, *value).second) {
      return Error::invalid("/" + shown(attribute), "twice", "may be given once");
    }
  }
  return foreign;
}

Result<void> check_foreign(const Foreign& foreign) {
  std::size_t own = 0, size = 0;
  for (const auto& [name, value] : foreign.attributes) {
    if (!is_attribute_name(name)) {
      return Error::invalid("/" + shown(name), "attribute_name",
                            "1 to 64 of letters, digits, '.', '_' and '-', not data or data_base64");
    }
    if (value.size() > attribute_value_max || !is_utf8(value) || has_control(value)) {
      return Error::invalid("/" + shown(name), "attribute_value",
                            "at most 2048 bytes of UTF-8 without control characters");
    }
    if (is_of_the_envelope(name) || name == "dataschema") continue;
    ++own;
    size += name.size() + value.size();
  }
  if (own > attributes_max || size > attributes_size_max) {
    return Error::invalid("", "attributes", "at most 64 attributes of one's own and 16 KiB of them");
  }
  const auto& type = foreign.content_type;
  if (type.size() > content_type_max || !is_utf8(type) || has_control(type)) {
    return Error::invalid("/datacontenttype", "content_type", "at most 255 bytes of UTF-8 without control characters");
  }
  return {};
}

Result<Event> to_event(Foreign& foreign, Timestamp arrived_at) {
  if (auto ok = check_foreign(foreign); !ok) return ok.error();
  const auto get = [&](const char* name) {
    const auto at = foreign.attributes.find(name);
    return at == foreign.attributes.end() ? std::string{} : at->second;
  };
  if (get("specversion") != "1.0") return Error::invalid("/specversion", "specversion", "must be 1.0");
  Event event;
  event.type = get("type");
  if (!is_type_name(event.type)) {
    return Error::invalid("/type", "type", "1 to 128 of letters, digits, '.', '_' and '-'");
  }
  event.time = arrived_at;
  event.time_given = false;
  if (const auto text = get("time"); !text.empty()) {
    const auto time = from_rfc3339(text);
    if (!time) return Error::invalid("/time", "rfc3339", "must be an RFC 3339 time from 1970 to 9999");
    event.time = *time;
    event.time_given = true;
  }
  event.foreign_id = get("id");
  if (event.foreign_id.size() > id_length_max) return Error::invalid("/id", "length", "at most 255 bytes");
  event.source = get("source");
  event.subject = get("subject");
  event.content_type = std::move(foreign.content_type);
  event.payload = std::move(foreign.payload);
  const bool schema_known = Catalogue::instance().find(event.type) != nullptr;  // then dataschema says nothing more
  for (const auto& [name, value] : foreign.attributes) {
    if (is_of_the_envelope(name) || (schema_known && name == "dataschema")) continue;
    event.extensions.emplace(name, value);
  }
  return event;
}

Error in_place(Error error, bool older) {
  if (!older) return error;
  constexpr std::pair<std::string_view, std::string_view> members[] = {{"/type", "/event"},
                                                                       {"/time", "/timestamp"},
                                                                       {"/tenantid", "/tenant_id"},
                                                                       {"/subject", "/website_id"},
                                                                       {"/data", "/payload"}};
  for (auto& field : error.fields) {
    for (const auto& [attribute, member] : members) {
      const bool names = field.pointer == attribute || field.pointer.starts_with(std::string(attribute) + "/");
      if (!names) continue;
      field.pointer.replace(0, attribute.size(), member);
      break;
    }
  }
  return error;
}

Error in_batch(Error error, std::size_t index) {
  const auto place = "/" + std::to_string(index);
  for (auto& field : error.fields) field.pointer.insert(0, place);
  error.message = "event " + std::to_string(index) + ": " + error.message;
  return error;
}

}  // namespace tenantry::events
