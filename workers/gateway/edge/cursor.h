// Cursors: where a list goes on, opaque to callers. Pure. A cursor names a place,
// not a right: what it leads to is checked like the first page.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "shared/core/time.h"
#include "shared/http/message.h"

namespace tenantry::gateway {

std::string encode_cursor(const std::vector<std::string>& parts);

// Errc::invalid at "/cursor" for anything encode_cursor did not make with that many parts.
Result<std::vector<std::string>> decode_cursor(std::string_view cursor, std::size_t parts);

// A place in a list by time: the instant, read, and the id of what stands there.
struct TimedPlace {
  Timestamp at{};
  std::string id{};
};

// `cursor` from the query; nothing where absent. Errc::invalid at "/cursor" where it names no such place.
Result<std::optional<TimedPlace>> timed_place(const http::Request& request, bool uuid_ids);

// `limit` from the query: 50 where absent, 1 to 200.
Result<int> page_limit(const http::Request& request);

// The target of rel="next": the same request with this cursor instead of its own.
std::string next_link(const http::Request& request, std::string_view cursor);

}  // namespace tenantry::gateway
