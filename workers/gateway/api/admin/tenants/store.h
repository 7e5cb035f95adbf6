// All tenants, as super-admins see them; lists come as the JSON that the API shows.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "workers/gateway/api/admin/tenants/requests.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway::store {

struct TenantPage {
  nlohmann::json tenants;
  std::string next_cursor{};  // "": there are no more
};
TenantPage list_tenants(db::Transaction& tx, const TenantsRequest& request);
// All that are asked for, as CSV; Errc::conflict "too_many_rows" where those are more than one file holds.
Result<std::string> export_tenants(db::Transaction& tx, const TenantsRequest& request);
nlohmann::json tenant_stats(db::Transaction& tx);
std::optional<nlohmann::json> read_tenant(db::Transaction& tx, std::string_view tenant_id);
// Of one that is there already, end and reason are changed.
void place_hold(db::Transaction& tx, std::string_view tenant_id, const HoldRequest& hold);
bool release_hold(db::Transaction& tx, std::string_view tenant_id, std::string_view hold);  // false: there is none
// The end of the tenant's legal hold, where there is one at `now`.
std::optional<Timestamp> legal_hold_end(db::Transaction& tx, std::string_view tenant_id, Timestamp now);
bool clear_provisioning_failure(db::Transaction& tx, std::string_view tenant_id, Timestamp now);

}  // namespace tenantry::gateway::store
