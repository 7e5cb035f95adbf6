// A tenant's people and keys as lists show them: to its own people, and to super-admins.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "shared/core/ids.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::tenancy {
struct Invitation;
}

namespace tenantry::gateway {

// Members and invitations, oldest first. `state`: "" for those of today.
nlohmann::json list_people(db::Transaction& tx, std::string_view tenant_id, std::string_view state, const Page& page,
                           Timestamp now);
Result<std::string> state_of_people(const Call& call);  // that the query asks for
nlohmann::json shown(const tenancy::Invitation& invitation);

// One, or a page of them, oldest first; `owner` as Call::owner. Who answers for a key may be gone: it is shown, for
// somebody to take it over by rotating it.
nlohmann::json list_keys(db::Transaction& tx, std::string_view tenant_id, const db::Param& owner, const Page& page,
                         Timestamp now, const std::optional<Uuid>& only = std::nullopt);

}  // namespace tenantry::gateway
