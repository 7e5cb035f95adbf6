// Overrides: limits of one tenant that count before its plan's, with a reason and, where it is said, an end.
#include <nlohmann/json.hpp>

#include "events/proto_time.h"
#include "shared/db/connection.h"
#include "shared/tenancy/tenants.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "workers/gateway/api/admin/overrides/requests.h"
#include "workers/gateway/edge/access.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

void list_overrides(Services& services, const CallPtr& call) {
  change(services, call, [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto& tenant_id = call->path.at("id");
    if (!tenancy::find_tenant(tx, tenant_id)) return no_tenant(*call);
    json overrides = json::array();
    for (const auto row : tx.exec("SELECT name, value, reason, ends_at FROM platform.overrides WHERE tenant_id = $1 "
                                  "AND (ends_at IS NULL OR ends_at > $2) ORDER BY name",
                                  {tenant_id, outbox.now()})) {
      overrides.push_back({{"name", row.text(0)},
                           {"value", json::parse(row.text(1))},
                           {"reason", row.text(2)},
                           {"ends_at", instant(row, 3)}});
    }
    tell_read(outbox, tenant_id, "overrides");
    return json_response(200, {{"overrides", std::move(overrides)}});
  });
}

void set_override(Services& services, const CallPtr& call) {
  const auto& id = call->path.at("id");
  change(
      services, call, parse_override(call->request().body, call->reference->limits, services.clock.now()),
      [call](const OverrideRequest& request, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto& tenant_id = call->path.at("id");
        if (!tenancy::lock_tenant(tx, tenant_id)) return no_tenant(*call);
        tx.send(
            "INSERT INTO platform.overrides (tenant_id, name, value, reason, ends_at) VALUES ($1, $2, "
            "to_jsonb($3::bigint), $4, $5) ON CONFLICT (tenant_id, name) DO UPDATE SET value = excluded.value, "
            "reason = excluded.reason, ends_at = excluded.ends_at",
            {tenant_id, request.name, request.value, request.reason, request.ends_at});
        v1::OverrideSet event;
        event.set_name(request.name);
        event.set_value(request.value);
        event.set_reason(request.reason);
        if (request.ends_at) *event.mutable_ends_at() = events::to_proto(*request.ends_at);
        outbox.publish(tenant_id, event);
        return json_response(200, {{"name", request.name},
                                   {"value", request.value},
                                   {"reason", request.reason},
                                   {"ends_at", instant(request.ends_at)}});
      },
      [&services, id] { services.tenant_changed(id); });
}

void remove_override(Services& services, const CallPtr& call) {
  const auto& id = call->path.at("id");
  change(
      services, call, parse_override_removal(call->request().body),
      [call](const OverrideRequest& request, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto& tenant_id = call->path.at("id");
        if (!tenancy::lock_tenant(tx, tenant_id)) return no_tenant(*call);
        const auto removed =
            tx.exec("DELETE FROM platform.overrides WHERE tenant_id = $1 AND name = $2", {tenant_id, request.name});
        if (removed.affected() == 0) {
          return Error{.code = Errc::conflict,
                       .reason = "not_overridden",
                       .message = "this tenant has its plan's " + request.name};
        }
        v1::OverrideRemoved event;
        event.set_name(request.name);
        event.set_reason(request.reason);
        outbox.publish(tenant_id, event);
        return json_response(200, {{"name", request.name}});
      },
      [&services, id] { services.tenant_changed(id); });
}

}  // namespace

namespace api {
Routes admin_overrides() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/admin/tenants/{id}/overrides", "adminListOverrides", Guard::admin, list_overrides},
      {Method::post, "/v1/admin/tenants/{id}/overrides", "adminSetOverride", Guard::admin, set_override},
      {Method::post, "/v1/admin/tenants/{id}/remove-override", "adminRemoveOverride", Guard::admin, remove_override},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
