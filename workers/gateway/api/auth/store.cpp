#include "workers/gateway/api/auth/store.h"

#include <nlohmann/json.hpp>

#include "shared/db/connection.h"

namespace tenantry::gateway::store {

void add_session(db::Transaction& tx, const NewSession& session, Timestamp now) {
  tx.send(
      "INSERT INTO platform.sessions (session_id, user_id, tenant_id, created_at, authenticated_at, last_seen_at, "
      "expires_at, user_agent, address, second_factor, acting_reason, acting_writes, cookie_hash) VALUES ($1, $2, $3, "
      "$4, $5, $4, "
      "$6, "
      "$7, $8, $9, $10, $11, $12)",
      {session.session_id, session.user_id, session.tenant_id, now, session.authenticated_at, session.expires_at,
       session.user_agent, session.address, session.second_factor, session.acting_reason, session.acting_writes,
       session.cookie_hash.empty() ? db::Param(nullptr) : db::Param(session.cookie_hash)});
}

bool is_new_place(db::Transaction& tx, std::string_view user_id, std::string_view address,
                  std::string_view user_agent) {
  const auto rows = tx.exec(
      "SELECT count(*) > 0 AND count(*) FILTER (WHERE address = $2 AND user_agent = $3) = 0 FROM platform.sessions "
      "WHERE user_id = $1 AND acting_reason IS NULL",
      {user_id, address, user_agent});
  return rows[0].boolean(0);
}

std::optional<LiveSession> see_session(db::Transaction& tx, std::string_view session_id, Timestamp now) {
  const auto rows = tx.exec(
      "UPDATE platform.sessions SET last_seen_at = $2 WHERE session_id = $1 AND ended_at IS NULL AND expires_at > $2 "
      "RETURNING authenticated_at, expires_at, second_factor",
      {session_id, now});
  if (rows.empty()) return std::nullopt;
  return LiveSession{rows[0].timestamp(0), rows[0].timestamp(1), std::string(rows[0].text(2))};
}

std::optional<ShownSession> session_of_cookie(db::Transaction& tx, ByteView cookie_hash, Timestamp now) {
  const auto rows = tx.exec(
      "SELECT session_id::text, user_id::text, tenant_id, authenticated_at, second_factor FROM platform.sessions "
      "WHERE cookie_hash = $1 AND ended_at IS NULL AND expires_at > $2 AND acting_reason IS NULL FOR UPDATE",
      {cookie_hash, now});
  if (rows.empty()) return std::nullopt;
  const auto row = rows[0];
  return ShownSession{std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)), row.timestamp(3),
                      std::string(row.text(4))};
}

std::vector<EndedSession> end_sessions(db::Transaction& tx, const SessionFilter& which, Timestamp now) {
  const auto rows = tx.exec(
      "UPDATE platform.sessions SET ended_at = $5 WHERE user_id = $1 AND ($2 = '' OR tenant_id = $2) "
      "AND ($3 = '' OR session_id::text = $3) AND ($4 = '' OR session_id::text <> $4) AND ended_at IS NULL "
      "AND expires_at > $5 RETURNING session_id, tenant_id",
      {which.user_id, which.tenant_id, which.session_id, which.but, now});
  std::vector<EndedSession> ended;
  std::vector<std::string> families;
  for (const auto row : rows) {
    ended.push_back({std::string(row.text(0)), std::string(row.text(1))});
    families.emplace_back(row.text(0));
  }
  tx.send("DELETE FROM platform.refresh_tokens WHERE family = ANY ($1::uuid[])", {db::Param::array(families)});
  return ended;
}

nlohmann::json list_sessions(db::Transaction& tx, std::string_view user_id, Timestamp now) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto row :
       tx.exec("SELECT session_id, tenant_id, created_at, last_seen_at, expires_at, user_agent, address, second_factor "
               "FROM platform.sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 "
               "ORDER BY last_seen_at DESC, session_id LIMIT 200",
               {user_id, now})) {
    list.push_back({{"id", row.text(0)},
                    {"tenant_id", row.text(1)},
                    {"created_at", to_rfc3339(row.timestamp(2))},
                    {"last_seen_at", to_rfc3339(row.timestamp(3))},
                    {"expires_at", to_rfc3339(row.timestamp(4))},
                    {"user_agent", row.text(5)},
                    {"address", row.text(6)},
                    {"second_factor", row.text(7)}});
  }
  return list;
}

bool password_changed_after(db::Transaction& tx, std::string_view user_id, Timestamp at) {
  return !tx.exec("SELECT FROM platform.users WHERE user_id = $1 AND password_changed_at > $2", {user_id, at}).empty();
}

bool replace_password(db::Transaction& tx, std::string_view user_id, std::string_view old_hash,
                      std::string_view new_hash, Timestamp now) {
  return tx.exec(
               "UPDATE platform.users SET password_hash = $3, password_changed_at = $4 WHERE user_id = $1 "
               "AND password_hash = $2",
               {user_id, old_hash, new_hash, now})
             .affected() == 1;
}

namespace {

std::optional<Account> account_of(const db::Rows& rows) {
  if (rows.empty()) return std::nullopt;
  const auto row = rows[0];
  return Account{std::string(row.text(0)),
                 std::string(row.text(1)),
                 std::string(row.text(2)),
                 std::string(row.text(3)),
                 std::string(row.text(4)),
                 std::string(row.text(5)),
                 row.boolean(6)};
}

}  // namespace

// Who has no password has nothing to reset: such a person comes by an invitation.
std::optional<Account> find_account(db::Transaction& tx, std::string_view email) {
  return account_of(
      tx.exec("SELECT user_id, email, first_name, last_name, locale, password_hash, email_verified_at IS NOT NULL FROM "
              "platform.users "
              "WHERE email = $1 AND password_hash IS NOT NULL",
              {email}));
}

std::optional<Account> read_account(db::Transaction& tx, std::string_view user_id) {
  return account_of(
      tx.exec("SELECT user_id, email, first_name, last_name, locale, password_hash, email_verified_at IS NOT NULL FROM "
              "platform.users "
              "WHERE user_id = $1 AND password_hash IS NOT NULL",
              {user_id}));
}

std::optional<Account> take_reset(db::Transaction& tx, ByteView token_hash, Timestamp now) {
  const auto taken = tx.exec(
      "UPDATE platform.password_resets SET token_hash = NULL WHERE token_hash = $1 AND expires_at > $2 "
      "RETURNING user_id",
      {token_hash, now});
  if (taken.empty()) return std::nullopt;
  return read_account(tx, taken[0].text(0));
}

bool put_reset(db::Transaction& tx, std::string_view user_id, ByteView token_hash, Timestamp now, Timestamp expires_at,
               int a_day) {
  return tx.exec(
               "INSERT INTO platform.password_resets AS r (user_id, token_hash, sent_at, expires_at) "
               "VALUES ($1, $2, ARRAY[$3::timestamptz], $4) ON CONFLICT (user_id) DO UPDATE SET "
               "token_hash = excluded.token_hash, expires_at = excluded.expires_at, "
               "sent_at = ARRAY(SELECT s FROM unnest(r.sent_at) s WHERE s > $5) || excluded.sent_at "
               "WHERE (SELECT count(*) FROM unnest(r.sent_at) s WHERE s > $5) < $6",
               {user_id, token_hash, now, expires_at, now - Days{1}, a_day})
             .affected() == 1;
}

bool may_send_email_link(db::Transaction& tx, std::string_view user_id, Timestamp since, int sendings_max) {
  tx.send("SELECT FROM platform.users WHERE user_id = $1 FOR NO KEY UPDATE", {user_id});
  return tx.exec("SELECT count(*) FROM platform.email_links WHERE user_id = $1 AND purpose <> 'undo' AND sent_at > $2",
                 {user_id, since})[0]
             .int64(0) < sendings_max;
}

void put_email_link(db::Transaction& tx, const EmailLink& link, ByteView token_hash, Timestamp now,
                    Timestamp expires_at) {
  tx.send("UPDATE platform.email_links SET token_hash = NULL WHERE user_id = $1 AND purpose = $2 AND purpose <> 'undo'",
          {link.user_id, link.purpose});
  tx.send(
      "INSERT INTO platform.email_links (link_id, user_id, purpose, email, token_hash, sent_at, expires_at) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {link.link_id, link.user_id, link.purpose, link.email, token_hash, now, expires_at});
}

std::optional<EmailLink> take_email_link(db::Transaction& tx, ByteView token_hash,
                                         const std::vector<std::string_view>& purposes, Timestamp now) {
  const auto rows = tx.exec(
      "UPDATE platform.email_links SET token_hash = NULL WHERE token_hash = $1 AND purpose = ANY ($2) "
      "AND expires_at > $3 RETURNING link_id, user_id, purpose, email, sent_at",
      {token_hash, db::Param::array(purposes), now});
  if (rows.empty()) return std::nullopt;
  const auto row = rows[0];
  return EmailLink{row.uuid(0), std::string(row.text(1)), std::string(row.text(2)), std::string(row.text(3)),
                   row.timestamp(4)};
}

bool set_email(db::Transaction& tx, std::string_view user_id, std::string_view email, Timestamp now) {
  const auto others = tx.exec("SELECT FROM platform.users WHERE email = $2 AND user_id <> $1", {user_id, email});
  if (!others.empty()) return false;
  tx.send("UPDATE platform.users SET email = $2, email_verified_at = $3 WHERE user_id = $1", {user_id, email, now});
  return true;
}

void drop_mailed_links(db::Transaction& tx, std::string_view user_id) {
  tx.send("UPDATE platform.password_resets SET token_hash = NULL WHERE user_id = $1", {user_id});
  tx.send("UPDATE platform.email_links SET token_hash = NULL WHERE user_id = $1 AND purpose <> 'undo'", {user_id});
}

void drop_undo_links(db::Transaction& tx, std::string_view user_id, Timestamp since) {
  tx.send("UPDATE platform.email_links SET token_hash = NULL WHERE user_id = $1 AND purpose = 'undo' AND sent_at >= $2",
          {user_id, since});
}

std::vector<Membership> memberships_of(db::Transaction& tx, std::string_view user_id) {
  std::vector<Membership> out;
  for (const auto row : tx.exec(
           "SELECT m.tenant_id, t.company_name, m.role FROM platform.memberships m JOIN platform.tenants t "
           "ON t.tenant_id = m.tenant_id WHERE m.user_id = $1 AND m.state = 'active' AND t.status NOT IN ('pending', "
           "'deleted') ORDER BY m.tenant_id",
           {user_id})) {
    out.push_back({std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2))});
  }
  return out;
}

void add_refresh_token(db::Transaction& tx, ByteView hash, const RefreshToken& token, Timestamp now) {
  tx.send(
      "INSERT INTO platform.refresh_tokens (token_hash, user_id, tenant_id, family, expires_at, created_at) "
      "VALUES ($1, $2, $3, $4, $5, $6)",
      {hash, token.user_id, token.tenant_id, token.family, token.expires_at, now});
}

std::optional<RefreshToken> lock_refresh_token(db::Transaction& tx, ByteView hash) {
  // The lock first: what a twin did to the family is seen by the statement after it.
  tx.send(
      "SELECT pg_advisory_xact_lock(hashtextextended('platform.refresh_tokens/' || family, 0)) "
      "FROM platform.refresh_tokens WHERE token_hash = $1",
      {hash});
  const auto rows = tx.exec(
      "SELECT user_id, tenant_id, family::text, expires_at, used_at FROM platform.refresh_tokens WHERE token_hash = $1",
      {hash});
  if (rows.empty()) return std::nullopt;
  const auto row = rows[0];
  return RefreshToken{std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)), row.timestamp(3),
                      row.optional_timestamp(4)};
}

void use_refresh_token(db::Transaction& tx, ByteView hash, Timestamp now) {
  tx.send("UPDATE platform.refresh_tokens SET used_at = $2 WHERE token_hash = $1", {hash, now});
}

}  // namespace tenantry::gateway::store
