#include "shared/core/clock.h"

namespace tenantry {

Timestamp SystemClock::now() const {
  return std::chrono::floor<Microseconds>(std::chrono::system_clock::now()) + offset();
}

}  // namespace tenantry
