// docs/openapi.json, embedded at build time.
#pragma once

#include <string_view>

namespace tenantry::gateway {
extern const std::string_view openapi_document;
}  // namespace tenantry::gateway
