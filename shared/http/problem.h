// Problem documents (RFC 9457): how an Error looks to a client. The one place that
// turns an Errc into a status. What went wrong inside us (5xx) is never described:
// its message may name hosts, paths or SQL, and belongs to the log. Pure.
#pragma once

#include <string_view>

#include "shared/core/error.h"
#include "shared/http/message.h"

namespace tenantry::http {

// Errc::invalid is 422, or 400 when not even the form was right (reasons
// "malformed_json", "malformed_request", "signature_invalid", "signature_expired").
int status_of(const Error& error);

// With WWW-Authenticate for 401 and Retry-After: 1 for 429 and 503; a caller that
// knows better sets its own. `instance` is the request's path, `trace_id` may be empty.
Response problem(const Error& error, std::string_view instance, std::string_view trace_id = {});

// For what HTTP itself refuses, e.g. 405.
Response problem(int status, std::string_view code, std::string_view detail, std::string_view instance,
                 std::string_view trace_id = {});

}  // namespace tenantry::http
