#include "shared/db/role_check.h"

#include <algorithm>
#include <span>

#include "shared/db/role_rights.h"
#include "shared/db/session.h"

namespace tenantry::db {
namespace {

constexpr std::string_view role_prefix = "tenantry_";
constexpr std::size_t rights_told = 3;

}  // namespace

Result<void> check_role(const std::string& url, std::string_view role) {
  Session session(url, std::string(role) + " start");
  Session::Transaction tx(session);
  const auto rows = tx.exec(
      "SELECT r.rolname, r.rolsuper, r.rolbypassrls, r.rolcreaterole OR r.rolcreatedb OR r.rolreplication, "
      "EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid), "
      "EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid) FROM pg_roles r WHERE r.rolname = current_user");
  const auto row = rows[0];
  const auto refuse = [&](const char* why) {
    return Error{.code = Errc::refused,
                 .reason = "database_role",
                 .message = "logs in to the database as " + std::string(row.text(0)) + ", " + why + "; it must be " +
                            std::string(role) + " of migrations/roles.sql"};
  };
  if (row.boolean(1)) return refuse("a superuser");
  if (row.boolean(2)) return refuse("who passes by row-level security");
  if (row.boolean(3)) return refuse("who may make roles or databases");
  if (row.boolean(4)) return refuse("a member of another role");
  if (row.boolean(5)) return refuse("who owns tables");
  if (row.text(0) != role) return refuse("another service's role");
  const auto more = unlisted_rights(tx, role.substr(role_prefix.size()));
  if (more.empty()) return {};
  std::string told;
  for (const auto& right : std::span(more).first(std::min(more.size(), rights_told))) {
    told += (told.empty() ? "" : ", ") + describe(right);
  }
  if (more.size() > rights_told) told += " and " + std::to_string(more.size() - rights_told) + " more";
  return Error{.code = Errc::refused,
               .reason = "database_rights",
               .message = std::string(role) + " may do more in the database than docs/rights.md lists: " + told +
                          "; take it back (REVOKE), or add it to the list by a migration"};
}

}  // namespace tenantry::db
