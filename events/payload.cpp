// From a payload's bytes to the message of its type. What protobuf's own reader of JSON takes differently from the rest
// of us (times) is read before it gets there.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>

#include <nlohmann/json.hpp>

#include "events/catalogue.h"
#include "events/codec.h"
#include "shared/core/media_type.h"
#include "shared/json/json.h"
#include "tenantry/events/v1/options.pb.h"

namespace tenantry::events {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using nlohmann::json;

Error payload_error(std::string_view why) {
  return {.code = Errc::invalid,
          .reason = "invalid_payload",
          .message = "payload: " + std::string(why.substr(0, 300)),
          .fields = {{"/data", "schema", std::string(why.substr(0, 300))}}};
}

bool is_time(const FieldDescriptor& field) {
  return field.message_type() == google::protobuf::Timestamp::descriptor();
}

bool is_ours(const FieldDescriptor& field) {
  return field.message_type() != nullptr && !field.is_map() &&
         field.message_type()->full_name().starts_with("tenantry.");
}

// Puts every time of the document as our own reader takes it; `changed` where one was written otherwise.
class Times {
 public:
  Result<void> read(json& object, const Descriptor& descriptor, const std::string& path) {
    if (!object.is_object()) return {};  // protobuf says what it should have been
    for (int i = 0; i < descriptor.field_count(); ++i) {
      const auto& field = *descriptor.field(i);
      if (!is_time(field) && !is_ours(field)) continue;
      const auto& name = field.name();
      if (auto ok = read_member(object, name, field, path); !ok) return ok;
      if (field.json_name() == name) continue;
      if (auto ok = read_member(object, field.json_name(), field, path); !ok) return ok;
    }
    return {};
  }
  bool changed() const { return changed_; }

 private:
  Result<void> read_member(json& object, const std::string& name, const FieldDescriptor& field,
                           const std::string& path) {
    const auto at = object.find(name);
    if (at == object.end()) return {};
    const auto pointer = path + "/" + name;
    if (!field.is_repeated() || !at->is_array()) return read_value(*at, field, pointer);
    for (std::size_t i = 0; i < at->size(); ++i) {
      if (auto ok = read_value((*at)[i], field, pointer + "/" + std::to_string(i)); !ok) return ok;
    }
    return {};
  }

  Result<void> read_value(json& value, const FieldDescriptor& field, const std::string& pointer) {
    if (!is_time(field)) return read(value, *field.message_type(), pointer);
    if (value.is_null()) return {};
    const auto time =
        value.is_string() ? from_rfc3339(value.get_ref<const std::string&>()) : Result<Timestamp>(Error{});
    if (!time) return Error::invalid(pointer, "rfc3339", "must be an RFC 3339 time from 1970 to 9999");
    auto text = to_rfc3339(*time);
    if (value.get_ref<const std::string&>() == text) return {};
    value = std::move(text);
    changed_ = true;
    return {};
  }

  bool changed_ = false;
};

// What the schema demands beyond its types: required fields, and times that can be printed and stored.
Result<void> check_message(const Message& message, const std::string& path) {
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
    if (!is_time(*field) && !is_ours(*field)) continue;
    const int values = field->is_repeated()                   ? reflection->FieldSize(message, field)
                       : reflection->HasField(message, field) ? 1
                                                              : 0;
    for (int value = 0; value < values; ++value) {
      const auto& inner = field->is_repeated() ? reflection->GetRepeatedMessage(message, field, value)
                                               : reflection->GetMessage(message, field);
      if (!is_time(*field)) {
        if (auto ok = check_message(inner, pointer); !ok) return ok;
        continue;
      }
      const auto& at = static_cast<const google::protobuf::Timestamp&>(inner);
      const bool printable = at.seconds() >= to_unix_seconds(timestamp_min) &&
                             at.seconds() <= to_unix_seconds(timestamp_max) && at.nanos() >= 0 &&
                             at.nanos() <= 999'999'999;
      if (!printable) return Error::invalid(pointer, "rfc3339", "must be a time from 1970 to 9999");
    }
  }
  return {};
}

bool is_protobuf_type(std::string_view content_type) {
  const auto media = parse_media_type(content_type);
  return media && (media->is("application/protobuf") || media->is("application/x-protobuf"));
}

Result<json> read_json(const std::string& text) {
  return parse_json(text, {.depth = json_depth_max, .size = body_size_max});
}

Result<void> read_message(const std::string& payload, const Message& prototype, Message& message) {
  // Checked first by our own parser, for depth, duplicate keys and well-formed text.
  auto document = read_json(payload);
  if (!document) return document.error();
  Times times;
  if (auto ok = times.read(*document, *prototype.GetDescriptor(), "/data"); !ok) return ok;
  const auto status =
      google::protobuf::util::JsonStringToMessage(times.changed() ? document->dump() : payload, &message);
  return status.ok() ? Result<void>{} : payload_error(status.message().as_string());
}

}  // namespace

Result<void> parse_payload(Event& event) {
  const auto* entry = Catalogue::instance().find(event.type);
  if (entry == nullptr) {
    if (!is_json_type(event.content_type)) return {};
    // Nobody knows the type, but its JSON must still be JSON: it ends in the audit log's payload.
    const auto document = read_json(event.payload);
    return document ? Result<void>{} : document.error();
  }
  std::shared_ptr<Message> message(entry->prototype->New());
  if (is_json_type(event.content_type)) {
    if (auto ok = read_message(event.payload, *entry->prototype, *message); !ok) return ok;
  } else if (is_protobuf_type(event.content_type)) {
    google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(event.payload.data()),
                                              static_cast<int>(event.payload.size()));
    in.SetRecursionLimit(json_depth_max);
    if (!message->ParseFromCodedStream(&in) || !in.ConsumedEntireMessage()) {
      return payload_error("not a " + entry->schema);
    }
  } else {
    return Error::invalid("/datacontenttype", "content_type",
                          "the payload must be application/protobuf or application/json");
  }
  if (auto ok = check_message(*message, "/data"); !ok) return ok;
  event.message = std::move(message);
  return {};
}

}  // namespace tenantry::events
