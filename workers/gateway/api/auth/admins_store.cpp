#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "workers/gateway/api/auth/admins.h"
#include "workers/gateway/edge/store.h"

namespace tenantry::gateway::store {
namespace {

constexpr const char* admin_query =
    "SELECT u.user_id, u.email, u.locale, a.role, u.password_hash FROM platform.admins a "
    "JOIN platform.users u ON u.user_id = a.user_id WHERE a.revoked_at IS NULL AND u.password_hash IS NOT NULL ";

std::optional<Admin> admin_of(const db::Rows& rows) {
  if (rows.empty()) return std::nullopt;
  const auto row = rows[0];
  return Admin{std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)), std::string(row.text(3)),
               std::string(row.text(4))};
}

}  // namespace

std::optional<Admin> find_admin(db::Transaction& tx, std::string_view email) {
  return admin_of(tx.exec(std::string(admin_query) + "AND u.email = $1", {email}));
}

std::optional<Admin> read_admin(db::Transaction& tx, std::string_view user_id) {
  return admin_of(tx.exec(std::string(admin_query) + "AND u.user_id = $1", {user_id}));
}

void add_admin_session(db::Transaction& tx, ShownBy by, ByteView hash, const NewAdminSession& session, Timestamp now) {
  const db::Param shown(hash);
  const db::Param none(nullptr);
  const bool cookie = by == ShownBy::cookie;
  tx.send(
      "INSERT INTO platform.admin_sessions (session_id, token_hash, cookie_hash, user_id, created_at, "
      "authenticated_at, last_seen_at, expires_at, second_factor, user_agent, address) "
      "VALUES ($1, $2, $3, $4, $5, $5, $5, $6, $7, $8, $9)",
      {session.session_id, cookie ? none : shown, cookie ? shown : none, session.user_id, now, session.expires_at,
       session.second_factor, session.user_agent, session.address});
}

std::optional<std::string> end_visit(db::Transaction& tx, std::string_view session_id, Timestamp now) {
  const auto rows = tx.exec(
      "UPDATE platform.sessions v SET ended_at = $2 FROM platform.admin_sessions s WHERE s.session_id = $1 "
      "AND v.session_id = s.visit_id AND v.ended_at IS NULL AND v.expires_at > $2 RETURNING v.tenant_id",
      {session_id, now});
  if (rows.empty()) return std::nullopt;
  return std::string(rows[0].text(0));
}

void begin_visit(db::Transaction& tx, std::string_view session_id, std::string_view visit_id) {
  tx.send("UPDATE platform.admin_sessions SET visit_id = $2 WHERE session_id = $1", {session_id, visit_id});
}

int end_admin_sessions(db::Transaction& tx, std::string_view user_id, std::string_view only, std::string_view but,
                       Timestamp now) {
  const auto ended = tx.exec(
      "UPDATE platform.admin_sessions SET ended_at = $4 WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $4 "
      "AND ($2 = '' OR session_id::text = $2) AND ($3 = '' OR session_id::text <> $3)",
      {user_id, only, but, now});
  if (only.empty()) {
    tx.send(
        "UPDATE platform.sessions SET ended_at = $2 WHERE user_id = $1 AND acting_reason IS NOT NULL AND ended_at IS "
        "NULL",
        {user_id, now});
  }
  return static_cast<int>(ended.affected());
}

nlohmann::json list_admin_sessions(db::Transaction& tx, std::string_view user_id, Timestamp now) {
  nlohmann::json list = nlohmann::json::array();
  const auto rows = tx.exec(
      "SELECT session_id, created_at, last_seen_at, expires_at, user_agent, address, second_factor "
      "FROM platform.admin_sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND last_seen_at > $3 "
      "ORDER BY last_seen_at DESC, session_id LIMIT 200",
      {user_id, now, now - admin_session_idle_life});
  for (const auto row : rows) {
    list.push_back({{"id", row.text(0)},
                    {"created_at", to_rfc3339(row.timestamp(1))},
                    {"last_seen_at", to_rfc3339(row.timestamp(2))},
                    {"expires_at", to_rfc3339(row.timestamp(3))},
                    {"user_agent", row.text(4)},
                    {"address", row.text(5)},
                    {"second_factor", row.text(6)}});
  }
  return list;
}

}  // namespace tenantry::gateway::store
