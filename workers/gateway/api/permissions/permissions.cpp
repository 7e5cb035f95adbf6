// The catalogue of permissions: what roles and keys can be given, as the routes ask for it.
#include <nlohmann/json.hpp>

#include "workers/gateway/api/resources.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

json described(const Permission& permission, Language language) {
  return {{"permission", permission.name},
          {"description", language == Language::english ? permission.english : permission.french},
          {"own", permission.owned},
          {"for_people", tenancy::is_for_people(permission.name)},
          {"operations", permission.operations}};
}

std::string render(Language language) {
  auto list = json::array();
  for (const auto& permission : permission_catalogue()) list.push_back(described(permission, language));
  return json{{"permissions", std::move(list)}}.dump();
}

// The same for all, and for as long as this process lives.
void list_permissions(Services& services, const CallPtr& call) {
  static const std::string english = render(Language::english);
  static const std::string french = render(Language::french);
  auto response = http::Response::json(200, call->language == Language::english ? english : french);
  response.headers.set("Content-Language", std::string(to_string(call->language)));
  services.answer(call, std::move(response));
}

}  // namespace

namespace api {
Routes permissions() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/permissions", "listPermissions", Guard::live, list_permissions, {.permission = "roles:read"}},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
