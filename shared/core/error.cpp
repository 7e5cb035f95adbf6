#include "shared/core/error.h"

#include "shared/core/assert.h"

namespace tenantry {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::invalid:
      return "invalid";
    case Errc::unauthenticated:
      return "unauthenticated";
    case Errc::payment_required:
      return "payment_required";
    case Errc::forbidden:
      return "forbidden";
    case Errc::not_found:
      return "not_found";
    case Errc::conflict:
      return "conflict";
    case Errc::too_large:
      return "too_large";
    case Errc::rate_limited:
      return "rate_limited";
    case Errc::limit_exceeded:
      return "limit_exceeded";
    case Errc::refused:
      return "refused";
    case Errc::exhausted:
      return "exhausted";
    case Errc::crash:
      return "crash";
    case Errc::unavailable:
      return "unavailable";
    case Errc::timeout:
      return "timeout";
    case Errc::internal:
      return "internal";
  }
  TENANTRY_ASSERT(false && "Errc is exhaustive");
}

bool is_transient(Errc code) {
  switch (code) {
    case Errc::unavailable:
    case Errc::timeout:
    case Errc::rate_limited:
    case Errc::internal:
      return true;
    case Errc::invalid:
    case Errc::unauthenticated:
    case Errc::payment_required:
    case Errc::forbidden:
    case Errc::not_found:
    case Errc::conflict:
    case Errc::too_large:
    case Errc::limit_exceeded:
    case Errc::refused:
    case Errc::exhausted:
    case Errc::crash:
      return false;
  }
  TENANTRY_ASSERT(false && "Errc is exhaustive");
}

Error Error::invalid(std::string pointer, std::string rule, std::string detail) {
  std::string message = pointer.empty() ? detail : pointer + ": " + detail;
  return {.code = Errc::invalid,
          .reason = "invalid_input",
          .message = std::move(message),
          .fields = {{std::move(pointer), std::move(rule), std::move(detail)}}};
}

Error Error::conflict(std::string reason, std::string message) {
  return {.code = Errc::conflict, .reason = std::move(reason), .message = std::move(message)};
}

std::string Error::describe() const {
  std::string text{to_string(code)};
  if (!reason.empty() && reason != text) text += " (" + reason + ")";
  if (!message.empty()) text += ": " + message;
  if (fields.size() > 1 || (fields.size() == 1 && message.find(fields[0].pointer) == std::string::npos)) {
    for (const auto& field : fields) text += "; " + field.pointer + " " + field.code + ": " + field.detail;
  }
  return text;
}

}  // namespace tenantry
