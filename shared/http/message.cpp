#include "shared/http/message.h"

#include <algorithm>

#include "shared/core/assert.h"
#include "shared/core/bytes.h"

namespace tenantry::http {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
  return -1;
}

Error bad_target(const char* detail) {
  auto error = Error::invalid("", "target", detail);
  error.reason = "malformed_request";
  return error;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      if (i + 2 >= text.size()) return {};
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return {};
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (!is_utf8(decoded)) return {};
  return decoded;
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

std::string_view to_string(Method method) {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::post:
      return "POST";
    case Method::put:
      return "PUT";
    case Method::patch:
      return "PATCH";
    case Method::delete_:
      return "DELETE";
    case Method::options:
      return "OPTIONS";
    case Method::other:
      return "OTHER";
  }
  TENANTRY_ASSERT(false && "Method is exhaustive");
}

bool equal_without_case(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, [](char a, char b) { return lower(a) == lower(b); });
}

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(fields_, [&](const Field& field) { return equal_without_case(field.first, name); });
  if (fields_.capacity() == fields_.size()) fields_.reserve(fields_.size() + 4);
  fields_.emplace_back(std::string{name}, std::move(value));
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (equal_without_case(key, name)) return value;
  }
  return {};
}

std::size_t Headers::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(fields_, [&](const Field& field) { return equal_without_case(field.first, name); }));
}

std::string Headers::list(std::string_view name) const {
  std::string out;
  for (const auto& [field, value] : fields_) {
    if (!equal_without_case(field, name)) continue;
    if (!out.empty()) out += ", ";
    out += value;
  }
  return out;
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

Response Response::json(int status, std::string text) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = std::move(text)};
}

Result<Target> parse_target(std::string_view target) {
  if (!target.starts_with('/')) return bad_target("the target is not a path");
  if (target.find('#') != std::string_view::npos) return bad_target("the target has a fragment");
  const auto question = target.find('?');
  const auto raw_path = target.substr(0, question);

  auto path = percent_decode(raw_path, false);
  if (!path) return bad_target("the path does not decode to UTF-8");
  if (has_control(*path) || path->find('\\') != std::string::npos ||
      std::ranges::count(*path, '/') != std::ranges::count(raw_path, '/')) {
    return bad_target("the path hides a separator or a control character");
  }
  for (std::string_view rest = *path; !rest.empty();) {
    rest.remove_prefix(1);
    const auto segment = rest.substr(0, rest.find('/'));
    if (segment == "." || segment == "..") return bad_target("the path has dot segments");
    rest.remove_prefix(segment.size());
  }

  Target parsed{.path = std::move(*path), .query = {}};
  auto rest = question == std::string_view::npos ? std::string_view{} : target.substr(question + 1);
  while (!rest.empty()) {
    const auto item = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    if (item.empty()) continue;
    const auto equals = item.find('=');
    auto name = percent_decode(item.substr(0, equals), true);
    auto value = percent_decode(equals == std::string_view::npos ? "" : item.substr(equals + 1), true);
    if (!name || !value) return bad_target("the query does not decode to UTF-8");
    if (name->find('\0') != std::string::npos || value->find('\0') != std::string::npos) {
      return bad_target("the query holds a NUL");
    }
    parsed.query.emplace_back(std::move(*name), std::move(*value));
  }
  return parsed;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";  // RFC 9112 section 4 allows an empty phrase
  }
}

}  // namespace tenantry::http
