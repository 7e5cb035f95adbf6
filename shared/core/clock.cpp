#include "shared/core/clock.h"

#include <cstdlib>

namespace tenantry {
namespace {

std::int64_t monotonic_us() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<Microseconds>(now).count();
}

}  // namespace

Timestamp SystemClock::now() const {
  const auto ahead = ahead_of_monotonic_us_.load(std::memory_order_relaxed);
  if (ahead != nobody) return from_unix_micros(monotonic_us() + ahead);
  return std::chrono::floor<Microseconds>(std::chrono::system_clock::now()) + offset();
}

void SystemClock::follow(Timestamp reference) {
  const auto ahead = to_unix_micros(reference) - monotonic_us();
  const auto known = ahead_of_monotonic_us_.load(std::memory_order_relaxed);
  if (known != nobody && std::abs(known - ahead) < follow_tolerance.count()) return;
  ahead_of_monotonic_us_.store(ahead, std::memory_order_relaxed);
}

}  // namespace tenantry
