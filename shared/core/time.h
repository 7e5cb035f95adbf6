// Instants and spans. An instant is UTC with microseconds, the resolution that
// PostgreSQL keeps; text is RFC 3339.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry {

using Microseconds = std::chrono::microseconds;
using Milliseconds = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;
using Days = std::chrono::days;
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

inline std::int64_t to_unix_seconds(Timestamp at) {
  return std::chrono::floor<Seconds>(at).time_since_epoch().count();
}
inline std::int64_t to_unix_micros(Timestamp at) {
  return at.time_since_epoch().count();
}
inline Timestamp from_unix_seconds(std::int64_t seconds) {
  return Timestamp{Seconds{seconds}};
}
inline Timestamp from_unix_micros(std::int64_t micros) {
  return Timestamp{Microseconds{micros}};
}

// The instants that text from outside may name: to_rfc3339 prints each of them, PostgreSQL keeps it, from_rfc3339 reads
// it back.
constexpr Timestamp timestamp_min{};                                            // 1970-01-01T00:00:00Z
constexpr Timestamp timestamp_max{Seconds{253'402'300'800} - Microseconds{1}};  // 9999-12-31T23:59:59.999999Z

// "2026-11-21T09:04:34.123456Z"; whole seconds print without a fraction.
std::string to_rfc3339(Timestamp at);

// Any RFC 3339 offset; digits after the sixth are cut; a leap second is the next second. From timestamp_min to
// timestamp_max in UTC, whatever the text's own year.
Result<Timestamp> from_rfc3339(std::string_view text);

// First instant of the hour, the UTC day and the UTC month that hold `at`.
Timestamp floor_hour(Timestamp at);
Timestamp floor_day(Timestamp at);
Timestamp floor_month(Timestamp at);
Timestamp next_month(Timestamp at);

}  // namespace tenantry
