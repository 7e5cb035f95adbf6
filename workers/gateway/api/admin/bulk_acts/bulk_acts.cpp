// What would come of doing one thing to several tenants, before anybody does it. The acts themselves are those of one
// tenant (api/admin/tenants), one after the other: each is a decision of its own, on record by itself, and can be the
// last.
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/db/connection.h"
#include "shared/tenancy/tenants.h"
#include "workers/gateway/api/admin/bulk_acts/requests.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

json foreseen_of(db::Transaction& tx, const std::string& tenant_id, tenancy::Trigger trigger, Timestamp now) {
  json out = {{"tenant_id", tenant_id},
              {"company_name", ""},
              {"status", nullptr},
              {"becomes", nullptr},
              {"why_not", "unknown"}};
  const auto tenant = tenancy::find_tenant(tx, tenant_id);
  if (!tenant) return out;
  const auto foreseen = foresee(tenant->lifecycle, trigger, now);
  out["company_name"] = tenant->company_name;
  out["status"] = tenancy::written(tenant->lifecycle.status);
  if (foreseen.becomes) out["becomes"] = tenancy::written(*foreseen.becomes);
  out["why_not"] = foreseen.why_not;
  return out;
}

void preview_bulk_act(Services& services, const CallPtr& call) {
  change(services, call, parse_bulk_act(call->request().body),
         [](const BulkAct& act, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
           tell_read(outbox, events::platform_tenant, "tenants");
           json list = json::array();
           for (const auto& id : act.tenant_ids) list.push_back(foreseen_of(tx, id, act.trigger, outbox.now()));
           return json_response(200, {{"tenants", std::move(list)}});
         });
}

}  // namespace

namespace api {
Routes admin_bulk_acts() {
  static constexpr Route routes[] = {
      {Method::post, "/v1/admin/bulk-acts/preview", "adminPreviewBulkAct", Guard::admin, preview_bulk_act},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
