#include "tests/support/source_path.h"

namespace tenantry {

std::string source_path(std::string_view path) {
  std::string whole = TENANTRY_SOURCE_DIR;
  if (!path.empty()) whole.append("/").append(path);
  return whole;
}

}  // namespace tenantry
