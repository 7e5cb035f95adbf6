// The tenant's keys for machines: made, seen, rotated, revoked. The rules are shared/tenancy/api_keys; how one is let
// in is edge/guard.
#include "shared/tenancy/api_keys.h"

#include <nlohmann/json.hpp>

#include "shared/crypto/api_key.h"
#include "shared/db/connection.h"
#include "workers/gateway/api/api_keys/requests.h"
#include "workers/gateway/api/resources.h"
#include "workers/gateway/edge/people.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

// With the key itself, which is shown this once.
http::Response issued(int status, const tenancy::IssuedApiKey& made) {
  auto response = json_response(status, {{"id", made.key.key_id.to_string()},
                                         {"prefix", crypto::api_key_prefix(made.key.public_id)},
                                         {"name", made.key.name},
                                         {"permissions", made.key.permissions},
                                         {"networks", made.key.networks},
                                         {"expires_at", instant(made.key.expires_at)},
                                         {"former_secret_ends_at", instant(made.former_ends_at)},
                                         {"key", made.text}});
  response.headers.add("Cache-Control", "no-store");
  return response;
}

void list_api_keys(Services& services, const CallPtr& call) {
  list(services, call, {.name = "api_keys"}, [&services, call](db::Transaction& tx, const Page& page) {
    return list_keys(tx, call->tenant_id(), call->owner(), page, services.clock.now());
  });
}

void read_api_key(Services& services, const CallPtr& call) {
  read(services, call, [&services, call](db::Transaction& tx) -> Result<http::Response> {
    const auto found = list_keys(tx, call->tenant_id(), call->owner(), {}, services.clock.now(), id_of(*call));
    if (found.empty()) return nothing_here();
    return json_response(200, found.front());
  });
}

void create_api_key(Services& services, const CallPtr& call) {
  const auto request = parse_api_key_request(call->request().body, grants_something, services.clock.now());
  if (!request) return services.refuse(call, request.error());
  if (auto ok = recently_authenticated(services, *call); !ok) return services.refuse(call, ok.error());
  change(
      services, call,
      [&services, call, request = *request](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto made = tenancy::create_api_key(tx, outbox, services.ids,
                                                  {.key_id = {},
                                                   .tenant_id = call->tenant_id(),
                                                   .public_id = {},
                                                   .name = request.name,
                                                   .permissions = request.permissions,
                                                   .networks = request.networks,
                                                   .created_by = call->claims->sub,
                                                   .expires_at = request.expires_at,
                                                   .requests_per_minute = request.requests_per_minute});
        if (!made) return made.error();
        auto response = issued(201, *made);
        response.headers.add("Location", "/v1/api-keys/" + made->key.key_id.to_string());
        return response;
      });
}

tenancy::ApiKeyRef key_of(const Call& call) {
  return {.tenant_id = call.tenant_id(), .key_id = id_of(call), .actor_id = call.claims->sub};
}

void rotate_api_key(Services& services, const CallPtr& call) {
  const auto expires_at = parse_rotation(call->request().body, services.clock.now());
  if (!expires_at) return services.refuse(call, expires_at.error());
  if (auto ok = recently_authenticated(services, *call); !ok) return services.refuse(call, ok.error());
  change(
      services, call,
      [call, expires_at = *expires_at](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto made = tenancy::rotate_api_key(tx, outbox, key_of(*call), expires_at);
        if (!made) return made.error();
        return issued(200, *made);
      },
      forget(services, call));
}

void rate_key(Services& services, const CallPtr& call) {
  change(
      services, call, parse_key_rate(call->request().body),
      [&services, call](const KeyRateRequest& request, db::Transaction& tx,
                        messaging::Outbox& outbox) -> Result<http::Response> {
        const auto rated = tenancy::rate_api_key(tx, outbox, key_of(*call), request.requests_per_minute);
        if (!rated) return rated.error();
        return json_response(
            200, list_keys(tx, call->tenant_id(), call->owner(), {}, services.clock.now(), rated->key_id).front());
      },
      forget(services, call));
}

void revoke_api_key(Services& services, const CallPtr& call) {
  change(
      services, call,
      [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        if (auto ok = tenancy::revoke_api_key(tx, outbox, key_of(*call)); !ok) return ok.error();
        return http::Response{.status = 204};
      },
      forget(services, call));
}

}  // namespace

namespace api {
Routes api_keys() {
  static constexpr Terms reads{.permission = "api_keys:read", .owned = true};
  static constexpr Route routes[] = {
      {Method::get, "/v1/api-keys", "listApiKeys", Guard::live, list_api_keys, reads},
      {Method::post,
       "/v1/api-keys",
       "createApiKey",
       Guard::live,
       create_api_key,
       {.permission = "api_keys:create", .owned = true, .confirmed = true}},
      {Method::get, "/v1/api-keys/{id}", "readApiKey", Guard::live, read_api_key, reads},
      {Method::post,
       "/v1/api-keys/{id}/rotate",
       "rotateApiKey",
       Guard::live,
       rotate_api_key,
       {.permission = "api_keys:rotate", .owned = true}},
      {Method::patch,
       "/v1/api-keys/{id}",
       "rateApiKey",
       Guard::live,
       rate_key,
       {.permission = "api_keys:revoke", .owned = true}},
      {Method::delete_,
       "/v1/api-keys/{id}",
       "revokeApiKey",
       Guard::live,
       revoke_api_key,
       {.permission = "api_keys:revoke", .owned = true}},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
