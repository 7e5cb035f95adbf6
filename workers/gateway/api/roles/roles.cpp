// The tenant's roles: the built-in ones, which stay as they are, and its own. The rules are shared/tenancy/roles.
#include "shared/tenancy/roles.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "workers/gateway/api/resources.h"
#include "workers/gateway/api/roles/requests.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

json shown(const tenancy::OwnRole& role) {
  return {{"role", role.name},
          {"built_in", false},
          {"description", role.description},
          {"permissions", role.permissions},
          {"created_at", to_rfc3339(role.created_at)},
          {"updated_at", to_rfc3339(role.updated_at)}};
}

json shown_built_in(std::string_view name, const std::vector<std::string>& permissions) {
  return {{"role", name}, {"built_in", true}, {"description", ""}, {"permissions", permissions}};
}

http::Response tagged(int status, const json& role) {
  auto response = json_response(status, role);
  response.headers.add("ETag", entity_tag(response.body));
  return response;
}

std::vector<tenancy::OwnRole> own_roles(db::Transaction& tx, const std::string& tenant_id, std::string_view name = {}) {
  std::vector<tenancy::OwnRole> out;
  for (const auto row :
       tx.exec("SELECT role, description, permissions, created_at, updated_at FROM platform.custom_roles "
               "WHERE tenant_id = $1 AND ($2 = '' OR role = $2) ORDER BY role",
               {tenant_id, name})) {
    out.push_back(
        {std::string(row.text(0)), std::string(row.text(1)), row.texts(2), row.timestamp(3), row.timestamp(4)});
  }
  return out;
}

tenancy::RoleAct by(const Call& call) {
  return {call.tenant_id(), call.claims->sub};
}

// All at once: there are twenty-five at most.
void list_roles(Services& services, const CallPtr& call) {
  read(services, call, [call](db::Transaction& tx) -> Result<http::Response> {
    auto list = json::array();
    for (const auto& [name, permissions] : call->reference->permissions) {
      list.push_back(shown_built_in(name, permissions));
    }
    for (const auto& role : own_roles(tx, call->tenant_id())) list.push_back(shown(role));
    std::map<std::string, std::int64_t, std::less<>> members;
    for (const auto row : tx.exec("SELECT role, count(*) FROM platform.memberships WHERE tenant_id = $1 "
                                  "AND state <> 'removed' GROUP BY role",
                                  {call->tenant_id()})) {
      members[std::string(row.text(0))] = row.int64(1);
    }
    for (auto& role : list) {
      const auto having = members.find(role["role"].get_ref<const std::string&>());
      role["members"] = having == members.end() ? 0 : having->second;
    }
    return json_response(200, {{"roles", std::move(list)}});
  });
}

void read_role(Services& services, const CallPtr& call) {
  const auto& name = call->path.at("role");
  const auto built_in = call->reference->permissions.find(name);
  if (built_in != call->reference->permissions.end()) {
    return services.answer(call, tagged(200, shown_built_in(name, built_in->second)));
  }
  if (name.empty()) return services.refuse(call, nothing_here());
  read(services, call, [call, name](db::Transaction& tx) -> Result<http::Response> {
    const auto found = own_roles(tx, call->tenant_id(), name);
    if (found.empty()) return nothing_here();
    return tagged(200, shown(found.front()));
  });
}

void create_role(Services& services, const CallPtr& call) {
  change(services, call, parse_new_role(call->request().body, grants_something),
         [call](const RoleRequest& request, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
           const auto made = tenancy::create_role(
               tx, outbox, by(*call),
               {.name = request.name, .description = request.description, .permissions = request.permissions});
           if (!made) return made.error();
           auto response = tagged(201, shown(*made));
           response.headers.add("Location", "/v1/roles/" + made->name);
           return response;
         });
}

// The role of the path, with its tenant locked, where the request may change it.
Result<tenancy::OwnRole> lock_role(db::Transaction& tx, const Call& call) {
  return tenancy::lock_role(tx, call.tenant_id(), call.path.at("role"));
}

bool is_as_seen(const Call& call, const tenancy::OwnRole& role) {
  return may_change(call.request(), *tagged(200, shown(role)).headers.get("ETag"));
}

void update_role(Services& services, const CallPtr& call) {
  change(
      services, call, parse_role_patch(call->request().body, grants_something),
      [call](const RolePatch& patch, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto before = lock_role(tx, *call);
        if (!before) return before.error();
        if (!is_as_seen(*call, *before)) return precondition_failed(call->request());
        auto after = *before;
        if (patch.description) after.description = *patch.description;
        if (patch.permissions) after.permissions = *patch.permissions;
        const auto changed = tenancy::update_role(tx, outbox, by(*call), *before, std::move(after));
        if (!changed) return changed.error();
        return tagged(200, shown(*changed));
      },
      forget(services, call));
}

void delete_role(Services& services, const CallPtr& call) {
  change(
      services, call,
      [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto role = lock_role(tx, *call);
        if (!role) return role.error();
        if (!is_as_seen(*call, *role)) return precondition_failed(call->request());
        if (auto ok = tenancy::delete_role(tx, outbox, by(*call), *role, query(*call, "replacement")); !ok) {
          return ok.error();
        }
        return http::Response{.status = 204};
      },
      forget(services, call));
}

}  // namespace

namespace api {
Routes roles() {
  static constexpr Terms reads{.permission = "roles:read"};
  static constexpr Route routes[] = {
      {Method::get, "/v1/roles", "listRoles", Guard::live, list_roles, reads},
      {Method::post, "/v1/roles", "createRole", Guard::live, create_role, {.permission = "roles:create"}},
      {Method::get, "/v1/roles/{role}", "readRole", Guard::live, read_role, reads},
      {Method::patch, "/v1/roles/{role}", "updateRole", Guard::live, update_role, {.permission = "roles:update"}},
      {Method::delete_, "/v1/roles/{role}", "deleteRole", Guard::live, delete_role, {.permission = "roles:delete"}},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
