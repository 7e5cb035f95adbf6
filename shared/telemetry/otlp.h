// OTLP: spans as an ExportTraceServiceRequest (opentelemetry-proto 1.x), in either of its two encodings. Written by
// hand, since no library of Debian 12 does; what others' decoders read of it is tested. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "shared/telemetry/trace.h"

namespace tenantry::tracing {

// Who made the spans.
struct Origin {
  std::vector<Attribute> resource{};  // service.name first of all
  std::string scope{};                // the library that made them; "": unsaid
  std::string scope_version{};
};

// Fields in the order of their numbers; what is zero or empty is left out, as proto3 has it.
std::string encode_protobuf(const Origin& origin, std::span<const Span> spans);

// Not proto3's JSON: ids are hex, enumerators numbers, 64-bit numbers text.
std::string encode_json(const Origin& origin, std::span<const Span> spans);

// What an answer says was not taken ("partial success"), with why; none where it says nothing.
struct Rejected {
  std::int64_t spans = 0;
  std::string message{};
};
Rejected read_protobuf_answer(std::string_view body);
Rejected read_json_answer(std::string_view body);

}  // namespace tenantry::tracing
