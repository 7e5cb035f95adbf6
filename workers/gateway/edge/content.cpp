#include "workers/gateway/edge/content.h"

#include <algorithm>

#include "shared/core/bytes.h"
#include "shared/core/media_type.h"

namespace tenantry::gateway {
namespace {

constexpr std::size_t idempotency_key_max = 255;

}  // namespace

std::string_view trimmed(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

std::string printable(std::string_view text, std::size_t bytes_max) {
  std::string out;
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    const auto character = text.substr(0, length);
    const bool whole = character.size() == length && is_utf8(character) && !has_control(character);
    const auto shown = whole ? character : std::string_view{"?"};
    if (out.size() + shown.size() > bytes_max) break;
    out += shown;
    text.remove_prefix(whole ? length : 1);
  }
  return out;
}

bool acceptable_content(const http::Request& request, BodyKind kind) {
  if (request.headers.count("Content-Encoding") > 0) return false;
  // In binary mode a body is of whatever type the event's data is.
  if (kind == BodyKind::event && request.headers.count("ce-specversion") > 0) return true;
  const auto type = request.headers.get("Content-Type");
  if (!type) return request.body.empty();
  const auto media = parse_media_type(*type);
  if (!media) return false;
  if (media->is("application/json")) return true;
  if (request.method == http::Method::patch && media->is("application/merge-patch+json")) return true;
  if (kind == BodyKind::report) return media->is("application/reports+json") || media->is("application/csp-report");
  return kind == BodyKind::event &&
         (media->is("application/cloudevents+json") || media->is("application/cloudevents-batch+json"));
}

bool takes_json(const http::Request& request) {
  if (request.headers.count("Accept") == 0) return true;
  const auto accept = parse_preferences(request.headers.list("Accept"));
  if (accept.empty()) return true;
  if (const auto weight = weight_of(accept, "application/json")) return *weight > 0;
  // Who asks for problem documents, or for JSON of another kind, reads ours.
  return std::ranges::any_of(accept, [](const Preference& preference) {
    return preference.weight > 0 && preference.range.ends_with("+json");
  });
}

bool prefers(const http::Request& request, std::string_view field, std::string_view value) {
  const auto given = parse_preferences(request.headers.list(field));
  return std::ranges::any_of(
      given, [&](const Preference& preference) { return preference.weight > 0 && preference.range == value; });
}

Result<std::optional<std::string>> idempotency_key(const http::Request& request) {
  const auto count = request.headers.count("Idempotency-Key");
  if (count == 0) return std::optional<std::string>{};
  auto key = trimmed(*request.headers.get("Idempotency-Key"));
  if (key.size() >= 2 && key.front() == '"' && key.back() == '"') key = key.substr(1, key.size() - 2);
  if (count > 1 || key.empty() || key.size() > idempotency_key_max || !is_utf8(key)) {
    return Error{.code = Errc::invalid,
                 .reason = "malformed_request",
                 .message = "Idempotency-Key must be sent once, with 1 to 255 characters"};
  }
  return std::optional<std::string>{key};
}

Result<std::optional<Timestamp>> query_time(const http::Request& request, std::string_view name) {
  const auto text = request.query_value(name);
  if (!text) return std::optional<Timestamp>{};
  const auto at = from_rfc3339(*text);
  if (!at) return Error::invalid("/" + std::string(name), "rfc3339", "must be an RFC 3339 time");
  return std::optional<Timestamp>{*at};
}

}  // namespace tenantry::gateway
