// Resources: all that the gateway serves. A new one is a folder here and its name in resources.cpp.
#pragma once

#include <span>
#include <string_view>

#include "workers/gateway/edge/route.h"

namespace tenantry::gateway {

struct Resource {
  std::string_view name;  // and tag of its operations in the OpenAPI document
  Routes routes;
};

std::span<const Resource> resources();
const Route* find_route(http::Method method, std::string_view path);  // null: there is none

}  // namespace tenantry::gateway
