#include "workers/gateway/edge/cookie.h"

#include "shared/core/media_type.h"
#include "workers/gateway/edge/content.h"

namespace tenantry::gateway {
namespace {

constexpr std::string_view console_field = "X-Tenantry";
constexpr std::string_view attributes = "; Path=/; Secure; HttpOnly; SameSite=Strict";

Error malformed(const char* message) {
  return {.code = Errc::invalid, .reason = "malformed_request", .message = message};
}

Error cross_site(const char* message) {
  return {.code = Errc::forbidden, .reason = "cross_site", .message = message};
}

// "https://console.example:8443" is of our own host where that is what the request was sent to.
bool same_origin(std::string_view origin, std::string_view host) {
  const auto scheme = origin.find("://");
  return scheme != origin.npos && !host.empty() && http::equal_without_case(origin.substr(scheme + 3), host);
}

bool from_own_page(const http::Request& request, bool changes) {
  if (request.headers.count("Sec-Fetch-Site") > 0) {
    const auto site = request.headers.list("Sec-Fetch-Site");
    return site == "same-origin" || (!changes && site == "none");  // none: typed, or a bookmark
  }
  // Browsers of before Sec-Fetch-Site send no Origin with what only reads.
  if (request.headers.count("Origin") == 0) return !changes;
  return same_origin(request.headers.list("Origin"), request.headers.get("Host").value_or(""));
}

}  // namespace

Result<std::optional<std::string>> cookie_token(const http::Request& request) {
  std::optional<std::string> found;
  for (const auto& [name, value] : request.headers) {
    if (!http::equal_without_case(name, "Cookie")) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const auto one = trimmed(rest.substr(0, rest.find(';')));
      rest = rest.find(';') == rest.npos ? std::string_view{} : rest.substr(rest.find(';') + 1);
      const auto equals = one.find('=');
      if (one.substr(0, equals) != cookie_name) continue;
      if (found) return malformed("the console's cookie must be sent once");
      found = equals == one.npos ? std::string_view{} : one.substr(equals + 1);
    }
  }
  if (found && request.headers.count("Authorization") > 0) {
    return malformed("a cookie and Authorization say twice who calls: send one of them");
  }
  return found;
}

Result<void> from_console(const http::Request& request) {
  const bool changes = request.method != http::Method::get && request.method != http::Method::head;
  if (!from_own_page(request, changes)) return cross_site("the cookie is good for requests of the console's own pages");
  if (!changes) return {};
  const auto type = request.headers.get("Content-Type");
  const auto media = type ? parse_media_type(*type) : std::nullopt;
  if (!media || !media->is("application/json") || request.headers.list(console_field) != "1") {
    return cross_site("with the cookie, what changes anything is application/json and has the field X-Tenantry: 1");
  }
  return {};
}

Result<bool> wants_cookie(const http::Request& request) {
  if (request.headers.count(console_field) == 0) return false;
  if (const auto ours = from_console(request); !ours) return ours.error();
  return true;
}

std::string set_cookie(std::string_view token, Seconds life) {
  return std::string(cookie_name) + '=' + std::string(token) + "; Max-Age=" + std::to_string(life.count()) +
         std::string(attributes);
}

std::string clear_cookie() {
  return set_cookie("", Seconds{0});
}

}  // namespace tenantry::gateway
