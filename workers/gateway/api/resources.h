// Resources: all that the gateway serves. A new one is a folder here and its name in resources.cpp.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "workers/gateway/edge/route.h"

namespace tenantry::gateway {

struct Resource {
  std::string_view name;  // and tag of its operations in the OpenAPI document
  Routes routes;
};

std::span<const Resource> resources();
const Route* find_route(http::Method method, std::string_view path);  // null: there is none

// What a route asks for, and so what can be granted.
struct Permission {
  std::string_view name;                     // "clients:read"
  bool owned = false;                        // may be granted for one's own alone
  std::vector<std::string_view> operations;  // that ask for it
  std::string_view french;
  std::string_view english;
};
std::span<const Permission> permission_catalogue();  // by name

// Whether the grant reaches anything of the catalogue.
bool grants_something(std::string_view grant);

}  // namespace tenantry::gateway
