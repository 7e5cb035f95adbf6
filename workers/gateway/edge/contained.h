// The one place where an exception of ours ends: on a lane or a thread of its own, where nobody above would catch it.
#pragma once

#include <exception>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shared/core/result.h"
#include "shared/telemetry/log.h"

namespace tenantry::gateway {

// What `work` comes to, a Result; what it throws is logged, and an internal error, whose message no client sees.
template <class F>
std::invoke_result_t<F> contained(std::string_view what, F&& work) {
  try {
    return std::forward<F>(work)();
  } catch (const std::exception& error) {
    log::error("a request failed", {{"operation", what}, {"error", error.what()}});
    return Error{.code = Errc::internal, .message = error.what()};
  }
}

}  // namespace tenantry::gateway
