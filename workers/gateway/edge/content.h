// What a request's head and query say, read as their RFCs do. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/core/result.h"
#include "shared/core/time.h"
#include "shared/http/message.h"

namespace tenantry::gateway {

std::string_view trimmed(std::string_view text);  // without the white space of JSON around it
bool has_control(std::string_view text);

enum class BodyKind { json, event, report };  // report: of a browser, about our pages

// Whether a body has a content type the route takes, and no content coding; an empty body has nothing to say.
bool acceptable_content(const http::Request& request, BodyKind kind);

// Whether the caller takes JSON (Accept).
bool takes_json(const http::Request& request);

// Whether a list of preferences names the value itself, no wildcard, and does not refuse it: Accept, Accept-Encoding.
bool prefers(const http::Request& request, std::string_view field, std::string_view value);

// The Idempotency-Key, unquoted; nullopt without one. Errc::invalid "malformed_request" (400) for one that
// is empty, over 255 characters or sent twice.
Result<std::optional<std::string>> idempotency_key(const http::Request& request);

// An RFC 3339 instant of the query; nullopt where absent.
Result<std::optional<Timestamp>> query_time(const http::Request& request, std::string_view name);

// A caller's text for events and logs: the whole characters that fit in `bytes_max`; what is
// no UTF-8 or a control character is '?'. Nobody who consumes an event takes other text.
std::string printable(std::string_view text, std::size_t bytes_max);

}  // namespace tenantry::gateway
