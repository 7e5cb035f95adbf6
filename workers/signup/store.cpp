#include "workers/signup/store.h"

#include "shared/db/connection.h"

namespace tenantry::signup {

std::optional<Reservation> find_reservation(db::Transaction& tx, const Uuid& signup_id) {
  const auto rows =
      tx.exec("SELECT state, tenant_id, user_id FROM platform.signups WHERE signup_id = $1 FOR UPDATE", {signup_id});
  if (rows.empty()) return std::nullopt;
  const auto row = rows[0];
  return Reservation{std::string(row.text(0)), std::string(row.text(1)),
                     row.is_null(2) ? std::nullopt : std::optional(row.uuid(2))};
}

std::optional<Uuid> find_user(db::Transaction& tx, std::string_view email) {
  const auto rows = tx.exec("SELECT user_id FROM platform.users WHERE email = $1", {email});
  if (rows.empty()) return std::nullopt;
  return rows[0].uuid(0);
}

void insert_user(db::Transaction& tx, const Uuid& user_id, std::string_view email, std::string_view first_name,
                 std::string_view last_name, std::string_view locale, Timestamp now) {
  tx.send(
      "INSERT INTO platform.users (user_id, email, first_name, last_name, locale, created_at) "
      "VALUES ($1, $2, $3, $4, $5, $6)",
      {user_id, email, first_name, last_name, locale, now});
}

void insert_owner(db::Transaction& tx, std::string_view tenant_id, const Uuid& user_id, bool invited, Timestamp now) {
  tx.send(
      "INSERT INTO platform.memberships (tenant_id, user_id, role, state, state_since, created_at) "
      "VALUES ($1, $2, 'owner', $3, $4, $4) ON CONFLICT DO NOTHING",
      {tenant_id, user_id, invited ? "invited" : "active", now});
}

void insert_tenant_key(db::Transaction& tx, std::string_view tenant_id, int version, ByteView wrapped, Timestamp now) {
  tx.send(
      "INSERT INTO platform.tenant_keys (tenant_id, key_version, wrapped_key, created_at) VALUES ($1, $2, $3, $4) "
      "ON CONFLICT DO NOTHING",
      {tenant_id, version, wrapped, now});
}

void save_signup(db::Transaction& tx, const Uuid& signup_id, std::string_view state, std::string_view tenant_id,
                 const std::optional<Uuid>& user_id, std::string_view reason, Timestamp now) {
  tx.send(
      "INSERT INTO platform.signups (signup_id, tenant_id, user_id, state, reason, created_at) "
      "VALUES ($1, nullif($2, ''), $3, $4, $5, $6) ON CONFLICT (signup_id) DO UPDATE SET state = excluded.state, "
      "tenant_id = excluded.tenant_id, user_id = excluded.user_id, reason = excluded.reason",
      {signup_id, tenant_id, user_id, state, reason, now});
}

std::optional<Owner> find_owner(db::Transaction& tx, std::string_view tenant_id) {
  const auto rows = tx.exec(
      "SELECT u.user_id, u.email, u.first_name FROM platform.memberships m JOIN platform.users u USING (user_id) "
      "WHERE m.tenant_id = $1 AND m.role = 'owner' AND m.state IN ('invited', 'active') ORDER BY m.created_at LIMIT 1",
      {tenant_id});
  if (rows.empty()) return std::nullopt;
  return Owner{rows[0].uuid(0), std::string(rows[0].text(1)), std::string(rows[0].text(2))};
}

}  // namespace tenantry::signup
