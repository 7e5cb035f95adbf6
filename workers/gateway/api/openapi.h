// The OpenAPI document (3.1), made from the routes and from each resource's openapi.json.
//
// A fragment holds what a route cannot tell: summaries, parameters, answers, schemas. The guard, the body and the query
// imply their errors, the route its operation, tag and security. In a fragment "request" names a body's schema; a
// response that is a text names a schema (2xx) or says what the error means; "" is the usual; a parameter that is a
// text is one of those in api/openapi.json. docs/openapi.json is this document; a test holds it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace tenantry::gateway {

nlohmann::json make_openapi();
const std::string& openapi_document();  // as it is served

}  // namespace tenantry::gateway
