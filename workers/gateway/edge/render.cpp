#include "workers/gateway/edge/render.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"
#include "shared/crypto/hash.h"
#include "shared/http/problem.h"
#include "workers/gateway/edge/content.h"

namespace tenantry::gateway {

using nlohmann::json;

http::Response json_response(int status, const json& body) {
  return http::Response::json(status, body.dump(-1, ' ', false, json::error_handler_t::replace));
}

json instant(const db::Row& row, int column) {
  return instant(row.optional_timestamp(column));
}

json instant(const std::optional<Timestamp>& at) {
  return at ? json(to_rfc3339(*at)) : json(nullptr);
}

json number(double value) {
  if (std::floor(value) == value && std::abs(value) < 9e15) return static_cast<std::int64_t>(value);
  return value;
}

std::string entity_tag(std::string_view body) {
  const auto digest = crypto::sha256(as_bytes(body));
  return '"' + to_base64url(ByteView{digest}.first(16)) + '"';
}

bool may_change(const http::Request& request, std::string_view tag) {
  if (request.headers.count("If-Match") == 0) return true;
  const auto listed = request.headers.list("If-Match");
  std::string_view rest = listed;
  while (!rest.empty()) {
    const auto one = trimmed(rest.substr(0, rest.find(',')));
    if (one == tag || one == "*") return true;
    rest = rest.find(',') == rest.npos ? std::string_view{} : rest.substr(rest.find(',') + 1);
  }
  return false;
}

http::Response precondition_failed(const http::Request& request) {
  return http::problem(412, "precondition_failed", "It was changed since: read it again.", request.path);
}

Error nothing_here() {
  return {.code = Errc::not_found, .reason = "not_found", .message = "There is nothing at this path."};
}

}  // namespace tenantry::gateway
