#include "workers/gateway/edge/trace.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "shared/telemetry/trace.h"

namespace tenantry::gateway {
namespace {

template <std::size_t n>
std::array<std::uint8_t, n> random_id(IdGenerator& ids) {
  std::array<std::uint8_t, n> bytes{};
  ids.random(bytes);
  bytes.back() |= 1;  // never all zeros
  return bytes;
}

}  // namespace

std::string request_id(std::string_view given, IdGenerator& ids) {
  const bool usable = !given.empty() && given.size() <= 128 && std::ranges::all_of(given, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
  });
  return usable ? std::string(given) : ids.next().to_string();
}

std::string traceparent(std::string_view given, bool trusted, IdGenerator& ids) {
  const auto parent = trusted ? tracing::parse_traceparent(given) : std::nullopt;
  tracing::Context context{.trace_id = parent ? parent->trace_id : random_id<16>(ids), .span_id = random_id<8>(ids)};
  context.sampled = parent ? parent->sampled : tracing::head_sampled(context.trace_id);
  return context.traceparent();
}

std::string_view trace_id_of(std::string_view traceparent) {
  return traceparent.substr(3, 32);
}

}  // namespace tenantry::gateway
