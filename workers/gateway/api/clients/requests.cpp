#include "workers/gateway/api/clients/requests.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {
namespace {

constexpr std::size_t client_name_max = 200;

}  // namespace

Result<ClientRequest> parse_client(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  ClientRequest request;
  request.name = fields.line("name", true, client_name_max);
  request.email = fields.written_email("email", false);
  return fields.finish(std::move(request));
}

Result<ClientPatch> parse_client_patch(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  ClientPatch patch;
  if (fields.has("name")) patch.name = fields.line("name", true, client_name_max);
  if (fields.has("email")) patch.email = fields.written_email("email", false);
  return fields.finish(std::move(patch));
}

}  // namespace tenantry::gateway
