// The route table: every route with who may call it. Data only; routes.cpp binds
// each operation to its handler, and a test holds the table against docs/openapi.json.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "shared/http/message.h"
#include "workers/gateway/validate.h"

namespace tenantry::gateway {

enum class Guard {
  open,     // anybody
  live,     // a member of a tenant whose API is open
  billing,  // a member of a tenant that exists, also while it owes or is cancelled
  admin,    // the super-admins' token
};

struct Route {
  http::Method method;
  std::string_view path;
  std::string_view operation;  // operationId in docs/openapi.json
  Guard guard;
  std::string_view permission{};  // "": any member
  BodyKind body = BodyKind::json;
  // Further bytes are 413. Bodies are parsed on the loop, where a mebibyte of small objects takes 80 ms.
  std::size_t body_max = 64UL * 1024;
  bool streams = false;  // its answer is no JSON document: the handler looks at Accept
};

std::span<const Route> route_table();

}  // namespace tenantry::gateway
