// Request ids and W3C trace context: what ties a request to its events and log lines.
// Pure; randomness is passed in.
#pragma once

#include <string>
#include <string_view>

#include "shared/core/ids.h"

namespace tenantry::gateway {

// The caller's where it is 1 to 128 of [A-Za-z0-9._-], else a new one.
std::string request_id(std::string_view given, IdGenerator& ids);

// A child of the caller's traceparent where the caller is trusted, else the root of a new trace: nobody outside decides
// what is sampled here.
std::string traceparent(std::string_view given, bool trusted, IdGenerator& ids);
std::string_view trace_id_of(std::string_view traceparent);

}  // namespace tenantry::gateway
