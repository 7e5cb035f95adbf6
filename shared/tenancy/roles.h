// Roles of a tenant's own, in rows: made, changed, deleted, beside the built-in ones, which nobody changes.
//
// As in members.h: in the caller's transaction, with the tenant's row locked and who acts read under that lock; the
// outbox gets the event and the signal that caches are stale.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "shared/tenancy/members.h"

namespace tenantry::tenancy {

constexpr std::size_t own_roles_max = 20;          // of a tenant
constexpr std::size_t role_permissions_max = 200;  // of one

struct OwnRole {
  std::string name;
  std::string description;
  std::vector<std::string> permissions;  // sorted, each once
  Timestamp created_at{};
  Timestamp updated_at{};
};

// What is done to a role, by whom.
struct RoleAct {
  std::string tenant_id;
  std::string actor_id;
};

// Errors of all three: as lock_as; what may_change says. Of the first also conflict "role_exists",
// "role_limit_reached".
Result<OwnRole> create_role(db::Transaction& tx, messaging::Outbox& outbox, const RoleAct& by, const OwnRole& wanted);

// One to be changed, its tenant locked. Errc::conflict "role_built_in"; Errc::not_found "role_not_found".
Result<OwnRole> lock_role(db::Transaction& tx, std::string_view tenant_id, std::string_view name);

// `after` has the name of `before`, which lock_role gave in the same transaction.
Result<OwnRole> update_role(db::Transaction& tx, messaging::Outbox& outbox, const RoleAct& by, const OwnRole& before,
                            OwnRole after);

// Who has it, members and those with an open invitation, has `replacement` then. Errc::conflict "role_in_use", with
// who has it, where there is none; invalid "/replacement".
Result<void> delete_role(db::Transaction& tx, messaging::Outbox& outbox, const RoleAct& by, const OwnRole& role,
                         const std::string& replacement);

}  // namespace tenantry::tenancy
