#include "shared/audit_tree/deployment.h"

#include <algorithm>

namespace tenantry::audit {

std::string read_deployment(config::Reader& reader) {
  auto name = reader.text("TENANTRY_DEPLOYMENT");
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; };
  if (name.size() > 64 || !std::ranges::all_of(name, allowed)) {
    reader.fail("TENANTRY_DEPLOYMENT", "must be at most 64 of a-z, 0-9, - and .");
    return "default";
  }
  return name;
}

}  // namespace tenantry::audit
