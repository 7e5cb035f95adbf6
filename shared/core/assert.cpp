#include "shared/core/assert.h"

#include <cstdio>
#include <cstdlib>

namespace tenantry {

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace tenantry
