#include "shared/http/problem.h"

#include <array>
#include <nlohmann/json.hpp>

#include <algorithm>

#include "shared/core/assert.h"

namespace tenantry::http {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 4> bad_request_reasons = {"malformed_json", "malformed_request",
                                                                 "signature_invalid", "signature_expired"};

// "email_taken" -> "Email taken": constant for its type, as RFC 9457 asks.
std::string title_of(std::string_view code) {
  std::string title{code};
  std::ranges::replace(title, '_', ' ');
  if (!title.empty() && title[0] >= 'a' && title[0] <= 'z') title[0] = static_cast<char>(title[0] - 'a' + 'A');
  return title;
}

Response document(int status, std::string_view code, std::string_view detail, const std::vector<FieldError>& fields,
                  std::string_view instance, std::string_view trace_id) {
  json body = {{"type", "/problems/" + std::string{code}},
               {"title", title_of(code)},
               {"status", status},
               {"detail", detail},
               {"instance", instance},
               {"code", code}};
  if (!fields.empty()) {
    auto& errors = body["errors"] = json::array();
    for (const auto& field : fields) {
      errors.push_back({{"pointer", field.pointer}, {"detail", field.detail}, {"code", field.code}});
    }
  }
  if (!trace_id.empty()) body["trace_id"] = trace_id;

  // Details may quote input; what is not UTF-8 in them becomes U+FFFD.
  Response response{.status = status,
                    .headers = {{"Content-Type", "application/problem+json"}, {"X-Content-Type-Options", "nosniff"}},
                    .body = body.dump(-1, ' ', false, json::error_handler_t::replace)};
  if (status == 401) response.headers.add("WWW-Authenticate", "Bearer");
  if (status == 429 || status == 503) response.headers.add("Retry-After", "1");
  return response;
}

}  // namespace

int status_of(const Error& error) {
  switch (error.code) {
    case Errc::invalid:
      return std::ranges::find(bad_request_reasons, error.reason) == bad_request_reasons.end() ? 422 : 400;
    case Errc::unauthenticated:
      return 401;
    case Errc::payment_required:
      return 402;
    case Errc::forbidden:
    case Errc::refused:
      return 403;
    case Errc::not_found:
      return 404;
    case Errc::conflict:
      return 409;
    case Errc::too_large:
      return 413;
    case Errc::rate_limited:
    case Errc::limit_exceeded:
      return 429;
    case Errc::unavailable:
    case Errc::timeout:
      return 503;
    case Errc::exhausted:
    case Errc::crash:
    case Errc::internal:
      return 500;
  }
  TENANTRY_ASSERT(false && "Errc is exhaustive");
}

Response problem(const Error& error, std::string_view instance, std::string_view trace_id) {
  const int status = status_of(error);
  if (status == 500) return document(status, "internal", "The server failed to answer.", {}, instance, trace_id);
  if (status == 503) {
    return document(status, "unavailable", "The service cannot answer just now; try again.", {}, instance, trace_id);
  }
  const std::string_view code = error.reason.empty() ? to_string(error.code) : error.reason;
  return document(status, code, error.message, error.fields, instance, trace_id);
}

Response problem(int status, std::string_view code, std::string_view detail, std::string_view instance,
                 std::string_view trace_id) {
  return document(status, code, detail, {}, instance, trace_id);
}

}  // namespace tenantry::http
