// Who reads which setting: asked of each of them, so that it is never written down.
#pragma once

#include <map>
#include <string>

namespace tenantry::cli {

// By variable: "billing, gateway", or "every process".
std::map<std::string, std::string, std::less<>> setting_readers();

}  // namespace tenantry::cli
