#include "shared/tenancy/roles.h"

#include "shared/db/connection.h"
#include "shared/messaging/outbox.h"
#include "shared/tenancy/permissions.h"
#include "shared/tenancy/tenants.h"
#include "tenantry/events/v1/access.pb.h"
#include "tenantry/events/v1/people.pb.h"
#include "tenantry/events/v1/platform.pb.h"

namespace tenantry::tenancy {
namespace {

namespace v1 = tenantry::events::v1;
using messaging::Outbox;

constexpr std::size_t named_max = 20;  // of those who have a role that cannot go

bool is_built_in(db::Transaction& tx, std::string_view name) {
  return !tx.exec("SELECT FROM platform.role_permissions WHERE role = $1 LIMIT 1", {name}).empty();
}

Role role_of(const OwnRole& own) {
  return {own.name, own.permissions};
}

// Who cannot be without it: active and deactivated members, and those whose invitation is open.
Result<void> check_unused(db::Transaction& tx, const RoleAct& by, const OwnRole& role, Timestamp now) {
  Error in_use = Error::conflict("role_in_use", "somebody has the role: name another one for them");
  for (const auto row : tx.exec(
           "SELECT 'member', user_id FROM platform.memberships WHERE tenant_id = $1 AND role = $2 AND state <> "
           "'removed' "
           "UNION ALL SELECT 'invitation', invitation_id FROM platform.invitations WHERE tenant_id = $1 AND role = $2 "
           "AND state = 'pending' AND expires_at > $3 LIMIT $4",
           {by.tenant_id, role.name, now, static_cast<int>(named_max)})) {
    in_use.fields.push_back({"", std::string(row.text(0)), std::string(row.text(1))});
  }
  if (in_use.fields.empty()) return {};
  return in_use;
}

void give_instead(db::Transaction& tx, Outbox& outbox, const RoleAct& by, const std::string& from,
                  const std::string& to) {
  for (const auto row :
       tx.exec("UPDATE platform.memberships SET role = $3 WHERE tenant_id = $1 AND role = $2 AND state <> 'removed' "
               "RETURNING user_id",
               {by.tenant_id, from, to})) {
    v1::MembershipRoleChanged event;
    event.set_user_id(std::string(row.text(0)));
    event.set_old_role(from);
    event.set_new_role(to);
    outbox.publish(by.tenant_id, event);
  }
  tx.send(
      "UPDATE platform.invitations SET role = $3 WHERE tenant_id = $1 AND role = $2 AND state IN ('pending', "
      "'expired')",
      {by.tenant_id, from, to});
}

}  // namespace

Result<OwnRole> create_role(db::Transaction& tx, Outbox& outbox, const RoleAct& by, const OwnRole& wanted) {
  const auto actor = lock_as(tx, by.tenant_id, by.actor_id);
  if (!actor) return actor.error();
  if (auto ok = may_change(*actor, {.act = Act::create_role, .to = role_of(wanted)}); !ok) return ok.error();
  if (find_role(tx, by.tenant_id, wanted.name)) return Error::conflict("role_exists", "a role has this name");
  const auto count = tx.exec("SELECT count(*) FROM platform.custom_roles WHERE tenant_id = $1", {by.tenant_id});
  if (count[0].int64(0) >= static_cast<std::int64_t>(own_roles_max)) {
    return Error::conflict("role_limit_reached",
                           "a tenant has at most " + std::to_string(own_roles_max) + " roles of its own");
  }
  auto made = wanted;
  made.created_at = made.updated_at = outbox.now();
  tx.send(
      "INSERT INTO platform.custom_roles (tenant_id, role, description, permissions, created_at, updated_at) "
      "VALUES ($1, $2, $3, $4, $5, $5)",
      {by.tenant_id, made.name, made.description, db::Param::array(made.permissions), made.created_at});
  v1::RoleCreated event;
  event.set_role(made.name);
  event.set_permissions(one_text(made.permissions));
  event.set_description(made.description);
  outbox.publish(by.tenant_id, event);
  return made;
}

Result<OwnRole> lock_role(db::Transaction& tx, std::string_view tenant_id, std::string_view name) {
  if (!lock_tenant(tx, tenant_id)) {
    return Error{.code = Errc::not_found, .reason = "tenant_not_found", .message = "no such tenant"};
  }
  const auto rows = tx.exec(
      "SELECT description, permissions, created_at, updated_at FROM platform.custom_roles WHERE tenant_id = $1 AND "
      "role = $2",
      {tenant_id, name});
  if (!rows.empty()) {
    return OwnRole{std::string(name), std::string(rows[0].text(0)), rows[0].texts(1), rows[0].timestamp(2),
                   rows[0].timestamp(3)};
  }
  if (is_built_in(tx, name))
    return Error::conflict("role_built_in", "built-in roles stay as they are; make one of your own");
  return Error{.code = Errc::not_found, .reason = "role_not_found", .message = "no such role"};
}

Result<OwnRole> update_role(db::Transaction& tx, Outbox& outbox, const RoleAct& by, const OwnRole& before,
                            OwnRole after) {
  const auto actor = lock_as(tx, by.tenant_id, by.actor_id);
  if (!actor) return actor.error();
  const Change wanted{.act = Act::update_role, .role = role_of(before), .to = role_of(after)};
  if (auto ok = may_change(*actor, wanted); !ok) return ok.error();
  if (after.description == before.description && after.permissions == before.permissions) return before;
  after.updated_at = outbox.now();
  tx.send(
      "UPDATE platform.custom_roles SET description = $3, permissions = $4, updated_at = $5 WHERE tenant_id = $1 "
      "AND role = $2",
      {by.tenant_id, after.name, after.description, db::Param::array(after.permissions), after.updated_at});
  v1::RoleUpdated event;
  event.set_role(after.name);
  event.set_old_permissions(one_text(before.permissions));
  event.set_permissions(one_text(after.permissions));
  event.set_old_description(before.description);
  event.set_description(after.description);
  outbox.publish(by.tenant_id, event);
  outbox.signal(by.tenant_id, v1::TenantChanged());
  return after;
}

Result<void> delete_role(db::Transaction& tx, Outbox& outbox, const RoleAct& by, const OwnRole& role,
                         const std::string& replacement) {
  const auto actor = lock_as(tx, by.tenant_id, by.actor_id);
  if (!actor) return actor.error();
  Change wanted{.act = Act::delete_role, .role = role_of(role)};
  if (!replacement.empty()) {
    wanted.to = find_role(tx, by.tenant_id, replacement);
    if (!wanted.to || replacement == role.name) {
      return Error::invalid("/replacement", "unknown_role", "no other role has this name");
    }
  }
  if (auto ok = may_change(*actor, wanted); !ok) return ok.error();
  if (replacement.empty()) {
    if (auto ok = check_unused(tx, by, role, outbox.now()); !ok) return ok.error();
  } else {
    give_instead(tx, outbox, by, role.name, replacement);
  }
  tx.send("DELETE FROM platform.custom_roles WHERE tenant_id = $1 AND role = $2", {by.tenant_id, role.name});
  v1::RoleDeleted event;
  event.set_role(role.name);
  event.set_permissions(one_text(role.permissions));
  event.set_replacement(replacement);
  outbox.publish(by.tenant_id, event);
  outbox.signal(by.tenant_id, v1::TenantChanged());
  return {};
}

}  // namespace tenantry::tenancy
