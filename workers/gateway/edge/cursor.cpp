#include "workers/gateway/edge/cursor.h"

#include <charconv>

#include "shared/core/bytes.h"
#include "shared/core/ids.h"

namespace tenantry::gateway {
namespace {

constexpr std::string_view version = "1";
constexpr std::size_t cursor_size_max = 512;
constexpr int limit_default = 50;
constexpr int limit_max = 200;

std::string percent_encoded(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~' || c == ':') {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

Error no_place() {
  return Error::invalid("/cursor", "cursor", "must be a next_cursor of this list");
}

}  // namespace

std::string encode_cursor(const std::vector<std::string>& parts) {
  std::string text{version};
  for (const auto& part : parts) text += "\n" + part;
  return to_base64url(as_bytes(text));
}

Result<std::vector<std::string>> decode_cursor(std::string_view cursor, std::size_t parts) {
  if (cursor.size() > cursor_size_max) return no_place();
  const auto bytes = from_base64url(cursor);
  if (!bytes || !is_utf8(as_text(*bytes)) || as_text(*bytes).find('\0') != std::string_view::npos) return no_place();
  std::vector<std::string> found;
  std::string_view rest = as_text(*bytes);
  for (;;) {
    const auto part = rest.substr(0, rest.find('\n'));
    found.emplace_back(part);
    if (part.size() == rest.size()) break;
    rest.remove_prefix(part.size() + 1);
  }
  if (found.size() != parts + 1 || found.front() != version) return no_place();
  found.erase(found.begin());
  return found;
}

Result<std::optional<TimedPlace>> timed_place(const http::Request& request, bool uuid_ids) {
  const auto cursor = request.query_value("cursor");
  if (!cursor) return std::optional<TimedPlace>{};
  auto parts = decode_cursor(*cursor, 2);
  if (!parts) return parts.error();
  const auto at = from_rfc3339((*parts)[0]);
  if (!at || (uuid_ids && !Uuid::parse((*parts)[1]))) return no_place();
  return std::optional<TimedPlace>{{*at, std::move((*parts)[1])}};
}

Result<int> page_limit(const http::Request& request) {
  const auto text = request.query_value("limit");
  if (!text) return limit_default;
  int limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc{} || end != text->data() + text->size() || limit < 1 || limit > limit_max) {
    return Error::invalid("/limit", "range", "must be a whole number from 1 to 200");
  }
  return limit;
}

std::string next_link(const http::Request& request, std::string_view cursor) {
  std::string link = "<" + request.target.substr(0, request.target.find('?')) + "?";
  for (const auto& [name, value] : request.query) {
    if (name != "cursor") link += percent_encoded(name) + "=" + percent_encoded(value) + "&";
  }
  return link + "cursor=" + percent_encoded(cursor) + ">; rel=\"next\"";
}

}  // namespace tenantry::gateway
