// The tenant's clients: business data of its own, in its store. A client is whose who made it: who reaches the own ones
// alone sees and changes no other.
#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "shared/tenancy/limits.h"
#include "tenantry/events/v1/activity.pb.h"
#include "workers/gateway/api/clients/requests.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

json client_of(const db::Row& row) {
  return {{"id", row.text(0)},
          {"name", row.text(1)},
          {"email", row.text(2)},
          {"created_by", row.text(3)},
          {"created_at", to_rfc3339(row.timestamp(4))}};
}

http::Response shown(int status, const json& client) {
  auto response = json_response(status, client);
  response.headers.add("ETag", entity_tag(response.body));
  return response;
}

void list_clients(Services& services, const CallPtr& call) {
  list(services, call, {.name = "clients"}, [call](db::Transaction& tx, const Page& page) {
    tx.set_tenant(call->tenant_id());
    json clients = json::array();
    for (const auto row :
         tx.exec("SELECT client_id, name, email, created_by, created_at FROM tenant_data.clients WHERE tenant_id = $1 "
                 "AND ($2::timestamptz IS NULL OR (created_at, client_id) > ($2, $3::uuid)) "
                 "AND ($5::uuid IS NULL OR created_by = $5) ORDER BY created_at, client_id LIMIT $4",
                 {call->tenant_id(), page.time(), page.id(), page.limit, call->owner()})) {
      clients.push_back(client_of(row));
    }
    return clients;
  });
}

bool store_is_open(db::Transaction& tx, const std::string& tenant_id) {  // provisioned, pool mode
  return !tx.exec("SELECT FROM tenant_data.stores WHERE tenant_id = $1", {tenant_id}).empty();
}

void create_client(Services& services, const CallPtr& call) {
  change(services, call, parse_client(call->request().body),
         [&services, call](const ClientRequest& request, db::Transaction& tx,
                           messaging::Outbox& outbox) -> Result<http::Response> {
           const auto& tenant_id = call->tenant_id();
           tx.set_tenant(tenant_id);
           if (!store_is_open(tx, tenant_id)) {
             return Error{.code = Errc::unavailable, .reason = "store_unavailable", .message = "no data store yet"};
           }
           if (auto room = tenancy::reserve(tx, tenant_id, "clients", outbox.now()); !room) return room.error();
           const auto id = services.ids.next().to_string();
           const auto made = tx.exec(
               "INSERT INTO tenant_data.clients (tenant_id, client_id, name, email, created_by, created_at) "
               "VALUES ($1, $2, $3, $4, $5, $6) RETURNING client_id, name, email, created_by, created_at",
               {tenant_id, id, request.name, request.email, call->caller_id(), outbox.now()});
           v1::ClientCreated event;
           event.set_client_id(id);
           event.set_name(request.name);
           event.set_email(request.email);
           outbox.publish(tenant_id, event, "clients/" + id);
           auto response = shown(201, client_of(made[0]));
           response.headers.add("Location", "/v1/clients/" + id);
           return response;
         });
}

std::optional<json> find_client(db::Transaction& tx, const Call& call, const Uuid& id, const char* lock = "") {
  tx.set_tenant(call.tenant_id());
  const auto rows =
      tx.exec(std::string("SELECT client_id, name, email, created_by, created_at FROM tenant_data.clients "
                          "WHERE tenant_id = $1 AND client_id = $2 AND ($3::uuid IS NULL OR created_by = $3) ") +
                  lock,
              {call.tenant_id(), id, call.owner()});
  if (rows.empty()) return std::nullopt;
  return client_of(rows[0]);
}

void read_client(Services& services, const CallPtr& call) {
  const auto id = Uuid::parse(call->path.at("id"));
  if (!id) return services.refuse(call, nothing_here());
  read(services, call, [call, id = *id](db::Transaction& tx) -> Result<http::Response> {
    const auto client = find_client(tx, *call, id);
    if (!client) return nothing_here();
    return shown(200, *client);
  });
}

void update_client(Services& services, const CallPtr& call) {
  const auto id = Uuid::parse(call->path.at("id"));
  if (!id) return services.refuse(call, nothing_here());
  change(services, call, parse_client_patch(call->request().body),
         [call, id = *id](const ClientPatch& patch, db::Transaction& tx,
                          messaging::Outbox& outbox) -> Result<http::Response> {
           const auto before = find_client(tx, *call, id, "FOR UPDATE");
           if (!before) return nothing_here();
           if (!may_change(call->request(), *shown(200, *before).headers.get("ETag"))) {
             return precondition_failed(call->request());
           }
           auto after = *before;
           if (patch.name) after["name"] = *patch.name;
           if (patch.email) after["email"] = *patch.email;
           if (after == *before) return shown(200, after);
           v1::ClientUpdated event;
           event.set_client_id(id.to_string());
           event.set_from_name(before->at("name"));
           event.set_name(after["name"]);
           event.set_from_email(before->at("email"));
           event.set_email(after["email"]);
           tx.send("UPDATE tenant_data.clients SET name = $3, email = $4 WHERE tenant_id = $1 AND client_id = $2",
                   {call->tenant_id(), id, event.name(), event.email()});
           outbox.publish(call->tenant_id(), event, "clients/" + id.to_string());
           return shown(200, after);
         });
}

void delete_client(Services& services, const CallPtr& call) {
  const auto id = Uuid::parse(call->path.at("id"));
  if (!id) return services.refuse(call, nothing_here());
  change(services, call, [call, id = *id](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto client = find_client(tx, *call, id, "FOR UPDATE");
    if (!client) return nothing_here();
    if (!may_change(call->request(), *shown(200, *client).headers.get("ETag"))) {
      return precondition_failed(call->request());
    }
    tx.send("DELETE FROM tenant_data.clients WHERE tenant_id = $1 AND client_id = $2", {call->tenant_id(), id});
    v1::ClientDeleted event;
    event.set_client_id(id.to_string());
    outbox.publish(call->tenant_id(), event, "clients/" + id.to_string());
    return http::Response{.status = 204};
  });
}

}  // namespace

namespace api {
Routes clients() {
  static constexpr Terms reads{.permission = "clients:read", .owned = true, .module = "crm"};
  static constexpr Terms creates{.permission = "clients:create", .owned = true, .module = "crm"};
  static constexpr Terms updates{.permission = "clients:update", .owned = true, .module = "crm"};
  static constexpr Terms deletes{.permission = "clients:delete", .owned = true, .module = "crm"};
  static constexpr Route routes[] = {
      {Method::get, "/v1/clients", "listClients", Guard::live, list_clients, reads},
      {Method::post, "/v1/clients", "createClient", Guard::live, create_client, creates},
      {Method::get, "/v1/clients/{id}", "readClient", Guard::live, read_client, reads},
      {Method::patch, "/v1/clients/{id}", "updateClient", Guard::live, update_client, updates},
      {Method::delete_, "/v1/clients/{id}", "deleteClient", Guard::live, delete_client, deletes},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
