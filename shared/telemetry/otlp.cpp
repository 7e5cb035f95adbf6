#include "shared/telemetry/otlp.h"

#include <bit>
#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"

namespace tenantry::tracing {
namespace {

constexpr int status_error = 2;

bool is_root(const Span& span) {
  return span.parent == SpanId{};
}

std::uint64_t nanoseconds(Timestamp at) {
  return static_cast<std::uint64_t>(to_unix_micros(at)) * 1'000U;
}

// ---- protobuf ------------------------------------------------------------------------------------------------------

class Writer {
 public:
  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      out_ += static_cast<char>((value & 0x7FU) | 0x80U);
      value >>= 7U;
    }
    out_ += static_cast<char>(value);
  }
  void number(unsigned field, std::uint64_t value) {
    if (value == 0) return;
    tag(field, 0);
    varint(value);
  }
  void fixed64(unsigned field, std::uint64_t value) {
    tag(field, 1);
    little_endian(value, 8);
  }
  void fixed32(unsigned field, std::uint32_t value) {
    if (value == 0) return;
    tag(field, 5);
    little_endian(value, 4);
  }
  void bytes(unsigned field, std::string_view value) {
    if (!value.empty()) message(field, value);
  }
  void message(unsigned field, std::string_view value) {
    tag(field, 2);
    varint(value.size());
    out_ += value;
  }
  // Of a choice of fields: said also where it is zero.
  void chosen(unsigned field, std::uint64_t value) {
    tag(field, 0);
    varint(value);
  }
  std::string take() { return std::move(out_); }

 private:
  void tag(unsigned field, unsigned wire_type) { varint((field << 3U) | wire_type); }
  void little_endian(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) out_ += static_cast<char>((value >> (8U * static_cast<unsigned>(i))) & 0xFFU);
  }
  std::string out_;
};

std::string any_value(const Value& value) {
  Writer out;
  if (const auto* text = std::get_if<std::string>(&value)) out.message(1, *text);
  if (const auto* flag = std::get_if<bool>(&value)) out.chosen(2, *flag ? 1 : 0);
  if (const auto* whole = std::get_if<std::int64_t>(&value)) out.chosen(3, static_cast<std::uint64_t>(*whole));
  if (const auto* real = std::get_if<double>(&value)) out.fixed64(4, std::bit_cast<std::uint64_t>(*real));
  return out.take();
}

std::string key_value(const Attribute& attribute) {
  Writer out;
  out.bytes(1, attribute.key);
  out.message(2, any_value(attribute.value));
  return out.take();
}

std::string link(const Context& context) {
  Writer out;
  out.bytes(1, as_text(context.trace_id));
  out.bytes(2, as_text(context.span_id));
  out.fixed32(6, context.sampled ? 1 : 0);
  return out.take();
}

// The kind of an error is its attribute, too: that is what is searched for.
std::vector<Attribute> attributes_of(const Span& span) {
  auto attributes = span.attributes;
  if (!span.error.empty()) attributes.push_back({"error.type", span.error});
  return attributes;
}

std::string span_message(const Span& span) {
  Writer out;
  out.bytes(1, as_text(span.context.trace_id));
  out.bytes(2, as_text(span.context.span_id));
  if (!is_root(span)) out.bytes(4, as_text(span.parent));
  out.bytes(5, span.name);
  out.number(6, static_cast<std::uint64_t>(span.kind));
  out.fixed64(7, nanoseconds(span.start));
  out.fixed64(8, nanoseconds(span.end));
  for (const auto& attribute : attributes_of(span)) out.message(9, key_value(attribute));
  out.number(10, span.attributes_dropped);
  for (const auto& each : span.links) out.message(13, link(each));
  out.number(14, span.links_dropped);
  if (!span.error.empty()) {
    Writer status;
    status.number(3, status_error);
    out.message(15, status.take());
  }
  out.fixed32(16, span.context.sampled ? 1 : 0);
  return out.take();
}

// The fields of a message by their numbers; false where it is none. Unknown kinds end it.
class MessageReader {
 public:
  explicit MessageReader(std::string_view bytes) : left_(bytes) {}
  struct Field {
    std::uint64_t number = 0;
    std::uint64_t value = 0;   // of a varint
    std::string_view bytes{};  // of what has a length
  };
  std::optional<Field> next() {
    const auto tag = varint();
    if (!tag) return std::nullopt;
    Field field{.number = *tag >> 3U};
    const auto value = varint();
    if (!value || ((*tag & 7U) != 0 && (*tag & 7U) != 2)) return std::nullopt;
    field.value = *value;
    if ((*tag & 7U) == 2) {
      if (*value > left_.size()) return std::nullopt;
      field.bytes = left_.substr(0, *value);
      left_.remove_prefix(*value);
    }
    return field;
  }

 private:
  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !left_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(left_.front());
      left_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }
  std::string_view left_;
};

// ---- JSON ----------------------------------------------------------------------------------------------------------

using nlohmann::ordered_json;

ordered_json json_of(const std::vector<Attribute>& attributes) {
  auto list = ordered_json::array();
  for (const auto& [key, value] : attributes) {
    ordered_json any;
    if (const auto* text = std::get_if<std::string>(&value)) any["stringValue"] = *text;
    if (const auto* flag = std::get_if<bool>(&value)) any["boolValue"] = *flag;
    if (const auto* whole = std::get_if<std::int64_t>(&value)) any["intValue"] = std::to_string(*whole);
    if (const auto* real = std::get_if<double>(&value)) any["doubleValue"] = *real;
    list.push_back({{"key", key}, {"value", std::move(any)}});
  }
  return list;
}

ordered_json json_of(const Span& span) {
  ordered_json out = {{"traceId", to_hex(span.context.trace_id)}, {"spanId", to_hex(span.context.span_id)}};
  if (!is_root(span)) out["parentSpanId"] = to_hex(span.parent);
  out["flags"] = span.context.sampled ? 1 : 0;
  out["name"] = span.name;
  out["kind"] = static_cast<int>(span.kind);
  out["startTimeUnixNano"] = std::to_string(nanoseconds(span.start));
  out["endTimeUnixNano"] = std::to_string(nanoseconds(span.end));
  out["attributes"] = json_of(attributes_of(span));
  out["droppedAttributesCount"] = span.attributes_dropped;
  auto& links = out["links"] = ordered_json::array();
  for (const auto& each : span.links) {
    links.push_back(
        {{"traceId", to_hex(each.trace_id)}, {"spanId", to_hex(each.span_id)}, {"flags", each.sampled ? 1 : 0}});
  }
  out["droppedLinksCount"] = span.links_dropped;
  out["status"] = ordered_json::object();
  if (!span.error.empty()) out["status"]["code"] = status_error;
  return out;
}

}  // namespace

std::string encode_protobuf(const Origin& origin, std::span<const Span> spans) {
  Writer resource;
  for (const auto& attribute : origin.resource) resource.message(1, key_value(attribute));
  Writer scope_spans;
  if (!origin.scope.empty()) {
    Writer scope;
    scope.bytes(1, origin.scope);
    scope.bytes(2, origin.scope_version);
    scope_spans.message(1, scope.take());
  }
  for (const auto& span : spans) scope_spans.message(2, span_message(span));
  Writer resource_spans;
  resource_spans.message(1, resource.take());
  resource_spans.message(2, scope_spans.take());
  Writer request;
  request.message(1, resource_spans.take());
  return request.take();
}

std::string encode_json(const Origin& origin, std::span<const Span> spans) {
  auto list = ordered_json::array();
  for (const auto& span : spans) list.push_back(json_of(span));
  ordered_json scope_spans;
  if (!origin.scope.empty()) scope_spans["scope"] = {{"name", origin.scope}, {"version", origin.scope_version}};
  scope_spans["spans"] = std::move(list);
  const ordered_json request = {
      {"resourceSpans",
       {{{"resource", {{"attributes", json_of(origin.resource)}}}, {"scopeSpans", {std::move(scope_spans)}}}}}};
  return request.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Rejected read_protobuf_answer(std::string_view body) {
  Rejected rejected;
  MessageReader answer(body);
  while (const auto field = answer.next()) {
    if (field->number != 1) continue;
    MessageReader partial(field->bytes);
    while (const auto inner = partial.next()) {
      if (inner->number == 1) rejected.spans = static_cast<std::int64_t>(inner->value);
      if (inner->number == 2) rejected.message = inner->bytes;
    }
  }
  return rejected;
}

Rejected read_json_answer(std::string_view body) {
  const auto answer = nlohmann::json::parse(body, nullptr, false);
  if (!answer.is_object() || !answer.contains("partialSuccess") || !answer["partialSuccess"].is_object()) return {};
  const auto& partial = answer["partialSuccess"];
  Rejected rejected;
  if (partial.contains("rejectedSpans")) {
    const auto& count = partial["rejectedSpans"];
    if (count.is_number_integer()) rejected.spans = count.get<std::int64_t>();
    if (count.is_string()) rejected.spans = std::strtoll(count.get<std::string>().c_str(), nullptr, 10);
  }
  if (partial.contains("errorMessage") && partial["errorMessage"].is_string()) {
    rejected.message = partial["errorMessage"].get<std::string>();
  }
  return rejected;
}

}  // namespace tenantry::tracing
