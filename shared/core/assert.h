// TENANTRY_ASSERT: a broken promise of our own code stops the process in every
// build. What was not acknowledged is redelivered; what was not committed never
// happened. Bad input is never a reason to assert: it is a Result.
#pragma once

namespace tenantry {
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);
}  // namespace tenantry

#define TENANTRY_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::tenantry::assertion_failed(#condition, __FILE__, __LINE__))
