// What a super-admin does for a person, whatever companies that one belongs to.
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/db/connection.h"
#include "shared/tenancy/members.h"
#include "workers/gateway/api/admin/people/requests.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

void reset_factors(Services& services, const CallPtr& call) {
  change(services, call, parse_admin_factor_reset(call->request().body),
         [call](const std::string& reason, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
           const auto at = tenancy::request_factor_reset(
               tx, outbox, {std::string(events::platform_tenant), "", id_of(*call).to_string(), reason});
           if (!at) return at.error();
           return json_response(202, {{"effective_at", to_rfc3339(*at)}});
         });
}

constexpr Route routes[] = {
    {Method::post, "/v1/admin/users/{id}/reset-factors", "adminResetFactors", Guard::admin, reset_factors},
};

}  // namespace

namespace api {
Routes admin_people() {
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
