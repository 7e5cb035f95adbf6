// Watch: shows the same again and again until it is interrupted, on a terminal in the same place.
#pragma once

#include <functional>

#include "workers/cli/context.h"

namespace tenantry::cli {

// Once where `seconds` is 0. Ends where showing it fails, with what failed.
void watch(Session& session, int seconds, const std::function<void()>& show);

// What `--watch` says of itself: each look of a super-admin is on record, so it looks no oftener than it has to.
constexpr const char* watch_help = "Show it again every so many seconds until interrupted; each look is on record";
constexpr int watch_seconds_min = 2;
constexpr int watch_seconds_max = 3'600;

}  // namespace tenantry::cli
