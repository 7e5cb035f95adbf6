// The JSON form of a payload (protobuf.dev/programming-guides/json, names as in the schema), for what our schemas use:
// strings, numbers, booleans, timestamps, lists and maps of strings, messages of ours. Other than protobuf's, as people
// expect it of an API: 64-bit integers are numbers where a double holds them (and are read as either), and a number of
// nought or a false is written. protobuf's own printer goes by way of a type server and costs twenty times as much,
// which the audit log would pay for each event.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "events/codec.h"
#include "events/proto_time.h"
#include "shared/core/media_type.h"
#include "shared/json/json.h"

namespace tenantry::events {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// From 0001-01-01 to 9999-12-31, as RFC 3339 can say it.
constexpr std::int64_t seconds_min = -62'135'596'800;
constexpr std::int64_t seconds_max = 253'402'300'799;

template <class T>
void append_number(std::string& out, T value) {
  std::array<char, 32> text{};
  out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr);
}

void append_double(std::string& out, double value) {
  if (std::isfinite(value)) return append_number(out, value);
  out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
}

// Beyond 2^53 in quotes: a JSON number is a double to many (RFC 8259, section 6).
void append_integer(std::string& out, std::int64_t value) {
  constexpr std::int64_t exact_max = 1LL << 53;
  const bool exact = value >= -exact_max && value <= exact_max;
  if (!exact) out += '"';
  append_number(out, value);
  if (!exact) out += '"';
}

// Three, six or nine digits of a second, as many as it takes.
bool append_timestamp(std::string& out, const google::protobuf::Timestamp& at) {
  const auto nanos = at.nanos();
  if (at.seconds() < seconds_min || at.seconds() > seconds_max || nanos < 0 || nanos > 999'999'999) return false;
  std::string text = to_rfc3339(from_unix_seconds(at.seconds()));
  text.pop_back();  // the Z
  out += '"';
  out += text;
  if (nanos != 0) {
    std::array<char, 16> digits{};
    std::snprintf(digits.data(), digits.size(), ".%09d", nanos);
    out.append(digits.data(), nanos % 1'000'000 == 0 ? 4 : nanos % 1'000 == 0 ? 7 : 10);
  }
  out += "Z\"";
  return true;
}

class Printer {
 public:
  // False: the message has something this page does not print.
  bool message(std::string& out, const Message& message) {
    const auto* reflection = message.GetReflection();
    const auto* descriptor = message.GetDescriptor();
    out += '{';
    bool first = true;
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const auto* field = descriptor->field(i);
      if (!is_written(message, *reflection, *field)) continue;
      if (!first) out += ',';
      first = false;
      append_json_string(out, field->name());
      out += ':';
      if (!(field->is_map()        ? map(out, message, *reflection, *field)
            : field->is_repeated() ? list(out, message, *reflection, *field)
                                   : single(out, message, *reflection, *field))) {
        return false;
      }
    }
    out += '}';
    return true;
  }

 private:
  static bool is_written(const Message& message, const Reflection& reflection, const FieldDescriptor& field) {
    if (field.is_repeated()) return reflection.FieldSize(message, &field) > 0;
    const bool scalar =
        field.cpp_type() != FieldDescriptor::CPPTYPE_STRING && field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE;
    return (scalar && !field.has_presence()) || reflection.HasField(message, &field);
  }

  bool single(std::string& out, const Message& parent, const Reflection& reflection, const FieldDescriptor& field) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        if (field.type() != FieldDescriptor::TYPE_STRING) return false;
        append_json_string(out, reflection.GetStringReference(parent, &field, &scratch_));
        return true;
      case FieldDescriptor::CPPTYPE_BOOL:
        out += reflection.GetBool(parent, &field) ? "true" : "false";
        return true;
      case FieldDescriptor::CPPTYPE_INT32:
        append_number(out, reflection.GetInt32(parent, &field));
        return true;
      case FieldDescriptor::CPPTYPE_INT64:
        append_integer(out, reflection.GetInt64(parent, &field));
        return true;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        append_double(out, reflection.GetDouble(parent, &field));
        return true;
      case FieldDescriptor::CPPTYPE_MESSAGE: {
        const auto& value = reflection.GetMessage(parent, &field);
        if (field.message_type() == google::protobuf::Timestamp::descriptor()) {
          return append_timestamp(out, static_cast<const google::protobuf::Timestamp&>(value));
        }
        return field.message_type()->full_name().starts_with("tenantry.") && message(out, value);
      }
      default:
        return false;
    }
  }

  bool list(std::string& out, const Message& parent, const Reflection& reflection, const FieldDescriptor& field) {
    if (field.type() != FieldDescriptor::TYPE_STRING) return false;
    out += '[';
    for (int i = 0; i < reflection.FieldSize(parent, &field); ++i) {
      if (i > 0) out += ',';
      append_json_string(out, reflection.GetRepeatedStringReference(parent, &field, i, &scratch_));
    }
    out += ']';
    return true;
  }

  bool map(std::string& out, const Message& parent, const Reflection& reflection, const FieldDescriptor& field) {
    const auto* key = field.message_type()->map_key();
    const auto* value = field.message_type()->map_value();
    if (key->type() != FieldDescriptor::TYPE_STRING || value->type() != FieldDescriptor::TYPE_STRING) return false;
    out += '{';
    for (int i = 0; i < reflection.FieldSize(parent, &field); ++i) {
      const auto& entry = reflection.GetRepeatedMessage(parent, &field, i);
      if (i > 0) out += ',';
      append_json_string(out, entry.GetReflection()->GetStringReference(entry, key, &scratch_));
      out += ':';
      append_json_string(out, entry.GetReflection()->GetStringReference(entry, value, &scratch_));
    }
    out += '}';
    return true;
  }

  std::string scratch_;
};

}  // namespace

std::string payload_json(const Event& event) {
  if (event.message == nullptr) return is_json_type(event.content_type) ? event.payload : std::string{};
  std::string out;
  if (Printer().message(out, *event.message)) return out;
  out.clear();
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  if (google::protobuf::util::MessageToJsonString(*event.message, &out, options).ok()) return out;
  return {};
}

}  // namespace tenantry::events
