#include "workers/gateway/edge/people.h"

#include <nlohmann/json.hpp>

#include "shared/crypto/api_key.h"
#include "shared/db/connection.h"
#include "shared/tenancy/members.h"

namespace tenantry::gateway {

using nlohmann::json;

json list_people(db::Transaction& tx, std::string_view tenant_id, std::string_view state, const Page& page,
                 Timestamp now) {
  auto list = json::array();
  for (const auto row : tx.exec(
           "SELECT * FROM ("
           "SELECT m.user_id AS id, 'member' AS kind, u.email, u.first_name, u.last_name, m.role, m.state, "
           "m.created_at, "
           "NULL::timestamptz AS expires_at, s.seen_at, s.logged_in_at, "
           "EXISTS (SELECT FROM platform.totp_factors f WHERE f.user_id = m.user_id AND f.confirmed_at IS NOT NULL) "
           "OR EXISTS (SELECT FROM platform.passkeys k WHERE k.user_id = m.user_id) AS second_factor "
           "FROM platform.memberships m JOIN platform.users u ON u.user_id = m.user_id "
           // Visits of super-admins are no logins of its people.
           "CROSS JOIN LATERAL (SELECT max(s.created_at) AS logged_in_at, max(s.last_seen_at) AS seen_at "
           "FROM platform.sessions s WHERE s.user_id = m.user_id AND s.tenant_id = m.tenant_id "
           "AND s.acting_reason IS NULL) s WHERE m.tenant_id = $1 "
           "UNION ALL "
           "SELECT i.invitation_id, 'invitation', i.email, '', '', i.role, CASE WHEN i.state = 'pending' AND "
           "i.expires_at <= $6 THEN 'expired' ELSE i.state END, i.created_at, i.expires_at, NULL, NULL, NULL "
           "FROM platform.invitations i WHERE i.tenant_id = $1) p "
           "WHERE CASE $2 WHEN '' THEN state IN ('invited', 'active', 'inactive', 'pending', 'expired') "
           "WHEN 'all' THEN state IN ('invited', 'active', 'inactive', 'removed', 'pending', 'expired') ELSE state = "
           "$2 "
           "END AND ($3::timestamptz IS NULL OR (created_at, id) > ($3, $4::uuid)) ORDER BY created_at, id LIMIT $5",
           {tenant_id, state, page.time(), page.id(), page.limit, now})) {
    list.push_back({{"id", row.text(0)},
                    {"kind", row.text(1)},
                    {"email", row.text(2)},
                    {"first_name", row.text(3)},
                    {"last_name", row.text(4)},
                    {"role", row.text(5)},
                    {"state", row.text(6)},
                    {"created_at", to_rfc3339(row.timestamp(7))},
                    {"expires_at", instant(row, 8)},
                    {"last_seen_at", instant(row, 9)},
                    {"last_login_at", instant(row, 10)},
                    {"second_factor", row.is_null(11) ? json(nullptr) : json(row.boolean(11))}});
  }
  return list;
}

Result<std::string> state_of_people(const Call& call) {
  return choice(
      call, "state",
      {"invited", "active", "inactive", "removed", "pending", "expired", "accepted", "declined", "revoked", "all"});
}

json shown(const tenancy::Invitation& invitation) {
  return {{"id", invitation.invitation_id.to_string()},
          {"kind", "invitation"},
          {"email", invitation.email},
          {"role", invitation.role},
          {"state", tenancy::to_string(invitation.state)},
          {"created_at", to_rfc3339(invitation.created_at)},
          {"expires_at", to_rfc3339(invitation.expires_at)}};
}

json list_keys(db::Transaction& tx, std::string_view tenant_id, const db::Param& owner, const Page& page, Timestamp now,
               const std::optional<Uuid>& only) {
  auto list = json::array();
  for (const auto row : tx.exec(
           "SELECT k.key_id, k.public_id, k.name, k.permissions, k.networks, k.created_at, k.expires_at, k.revoked_at, "
           "CASE WHEN k.former_ends_at > $6 THEN k.former_ends_at END, k.used_at, k.used_from, k.uses, k.created_by, "
           "coalesce(u.first_name || ' ' || u.last_name, ''), coalesce(m.state, 'removed'), "
           "CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked' WHEN k.expires_at <= $6 THEN 'expired' ELSE 'active' "
           "END, "
           "k.requests_per_minute FROM platform.api_keys k "
           "LEFT JOIN platform.memberships m ON m.tenant_id = k.tenant_id AND m.user_id = k.created_by "
           "LEFT JOIN platform.users u ON u.user_id = m.user_id "
           "WHERE k.tenant_id = $1 AND ($2::uuid IS NULL OR k.key_id = $2) "
           "AND ($3::timestamptz IS NULL OR (k.created_at, k.key_id) > ($3, $4::uuid)) "
           "AND ($7::uuid IS NULL OR k.created_by = $7) ORDER BY k.created_at, k.key_id LIMIT $5",
           {tenant_id, only, page.time(), page.id(), page.limit, now, owner})) {
    list.push_back({{"id", row.text(0)},
                    {"prefix", crypto::api_key_prefix(row.text(1))},
                    {"name", row.text(2)},
                    {"permissions", row.texts(3)},
                    {"networks", row.texts(4)},
                    {"state", row.text(15)},
                    {"created_at", to_rfc3339(row.timestamp(5))},
                    {"expires_at", instant(row, 6)},
                    {"revoked_at", instant(row, 7)},
                    {"former_secret_ends_at", instant(row, 8)},
                    {"last_used_at", instant(row, 9)},
                    {"last_used_from", row.text(10)},
                    {"uses", row.int64(11)},
                    {"requests_per_minute", row.is_null(16) ? json(nullptr) : json(row.int64(16))},
                    {"created_by", {{"id", row.text(12)}, {"name", row.text(13)}, {"state", row.text(14)}}}});
  }
  return list;
}

}  // namespace tenantry::gateway
