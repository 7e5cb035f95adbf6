#include "workers/gateway/api/auth/second_factor.h"

#include <algorithm>

#include "events/topology.h"
#include "shared/crypto/envelope.h"
#include "shared/crypto/hash.h"
#include "shared/crypto/totp.h"
#include "shared/db/connection.h"

namespace tenantry::gateway::store {
namespace {

constexpr int free_failures = 5;  // typing errors, and a clock that is wrong
constexpr Seconds wait_first{30};
constexpr Seconds wait_max{900};

std::string place_of(std::string_view user_id) {
  return "platform.totp_factors/" + std::string(user_id);
}

// The step of the code where it is right; the row stays locked.
std::optional<std::int64_t> step_of(db::Transaction& tx, const crypto::SealingKeys& keys, std::string_view user_id,
                                    std::string_view code, bool confirmed, Timestamp now) {
  const auto rows = tx.exec(
      "SELECT sealed_seed, last_step FROM platform.totp_factors WHERE user_id = $1 AND (confirmed_at IS NOT NULL) = $2 "
      "FOR UPDATE",
      {user_id, confirmed});
  if (rows.empty()) return std::nullopt;
  auto seed = keys.open(rows[0].bytes(0), as_bytes(place_of(user_id)));
  if (!seed) return std::nullopt;  // sealed under a master key that is gone: it has to be set up again
  const auto step = crypto::check_totp(*seed, code, now, rows[0].int64(1));
  crypto::zeroise(*seed);
  return step;
}

}  // namespace

std::vector<std::string> Factors::names() const {
  std::vector<std::string> out;
  if (totp_since) out.emplace_back("totp");
  if (passkeys > 0) out.emplace_back("passkey");
  if (any() && recovery_codes_left > 0) out.emplace_back("recovery_code");
  return out;
}

Factors factors_of(db::Transaction& tx, std::string_view user_id) {
  const auto rows = tx.exec(
      "SELECT (SELECT confirmed_at FROM platform.totp_factors WHERE user_id = $1), "
      "(SELECT count(*) FROM platform.passkeys WHERE user_id = $1), "
      "(SELECT count(*) FROM platform.recovery_codes WHERE user_id = $1 AND used_at IS NULL)",
      {user_id});
  return {rows[0].optional_timestamp(0), static_cast<int>(rows[0].int64(1)), static_cast<int>(rows[0].int64(2))};
}

Seconds wait_after(int failures) {
  if (failures < free_failures) return Seconds{0};
  const int doublings = std::min(failures - free_failures, 10);
  return std::min(wait_max, wait_first * (1 << doublings));
}

std::optional<Seconds> take_try(db::Transaction& tx, std::string_view user_id, Timestamp now) {
  tx.send("INSERT INTO platform.factor_tries (user_id, failures, last_at) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING",
          {user_id, now});
  const auto rows =
      tx.exec("SELECT failures, last_at FROM platform.factor_tries WHERE user_id = $1 FOR UPDATE", {user_id});
  const auto next = rows[0].timestamp(1) + wait_after(static_cast<int>(rows[0].int64(0)));
  if (next > now) return std::chrono::ceil<Seconds>(next - now);
  tx.send("UPDATE platform.factor_tries SET failures = failures + 1, last_at = $2 WHERE user_id = $1", {user_id, now});
  return std::nullopt;
}

void forget_tries(db::Transaction& tx, std::string_view user_id) {
  tx.send("DELETE FROM platform.factor_tries WHERE user_id = $1", {user_id});
}

bool begin_totp(db::Transaction& tx, const crypto::SealingKeys& keys, std::string_view user_id, ByteView seed,
                Timestamp now) {
  return tx.exec(
               "INSERT INTO platform.totp_factors AS t (user_id, sealed_seed, created_at) VALUES ($1, $2, $3) "
               "ON CONFLICT (user_id) DO UPDATE SET sealed_seed = excluded.sealed_seed, "
               "created_at = excluded.created_at WHERE t.confirmed_at IS NULL",
               {user_id, keys.seal(seed, as_bytes(place_of(user_id))), now})
             .affected() == 1;
}

bool confirm_totp(db::Transaction& tx, const crypto::SealingKeys& keys, std::string_view user_id, std::string_view code,
                  Timestamp now) {
  const auto step = step_of(tx, keys, user_id, code, false, now);
  if (!step) return false;
  tx.send("UPDATE platform.totp_factors SET confirmed_at = $2, last_step = $3 WHERE user_id = $1",
          {user_id, now, *step});
  return true;
}

bool use_totp(db::Transaction& tx, const crypto::SealingKeys& keys, std::string_view user_id, std::string_view code,
              Timestamp now) {
  const auto step = step_of(tx, keys, user_id, code, true, now);
  if (!step) return false;
  tx.send("UPDATE platform.totp_factors SET last_step = $2 WHERE user_id = $1", {user_id, *step});
  return true;
}

bool remove_totp(db::Transaction& tx, std::string_view user_id) {
  return tx.exec("DELETE FROM platform.totp_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL", {user_id})
             .affected() == 1;
}

bool drop_codes_without_factor(db::Transaction& tx, std::string_view user_id) {
  if (factors_of(tx, user_id).any()) return true;
  tx.send("DELETE FROM platform.recovery_codes WHERE user_id = $1", {user_id});
  return false;
}

void replace_recovery_codes(db::Transaction& tx, std::string_view user_id, const std::vector<std::string>& hashes) {
  tx.send("DELETE FROM platform.recovery_codes WHERE user_id = $1", {user_id});
  tx.send("INSERT INTO platform.recovery_codes (user_id, code_hash) SELECT $1::uuid, h FROM unnest($2::text[]) h",
          {user_id, db::Param::array(hashes)});
}

std::vector<std::string> unused_recovery_codes(db::Transaction& tx, std::string_view user_id) {
  std::vector<std::string> out;
  const auto rows =
      tx.exec("SELECT code_hash FROM platform.recovery_codes WHERE user_id = $1 AND used_at IS NULL", {user_id});
  for (const auto row : rows) out.emplace_back(row.text(0));
  return out;
}

std::optional<int> use_recovery_code(db::Transaction& tx, std::string_view user_id, std::string_view hash,
                                     Timestamp now) {
  const auto used = tx.exec(
      "UPDATE platform.recovery_codes SET used_at = $3 WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL",
      {user_id, hash, now});
  if (used.affected() != 1) return std::nullopt;
  return factors_of(tx, user_id).recovery_codes_left;
}

bool reset_where_due(db::Transaction& tx, std::string_view user_id, Timestamp now) {
  const auto rows = tx.exec(
      "SELECT EXISTS (SELECT FROM platform.factor_resets r WHERE r.user_id = $1 AND r.effective_at <= $2 "
      "AND r.tenant_id = $3) "
      // A company cannot open the platform by way of its member.
      "OR (NOT EXISTS (SELECT FROM platform.admins a WHERE a.user_id = $1 AND a.revoked_at IS NULL) "
      "AND EXISTS (SELECT FROM platform.memberships m WHERE m.user_id = $1 AND m.state = 'active') "
      "AND NOT EXISTS (SELECT FROM platform.memberships m WHERE m.user_id = $1 AND m.state = 'active' AND NOT EXISTS "
      "(SELECT FROM platform.factor_resets r WHERE r.user_id = m.user_id AND r.tenant_id = m.tenant_id "
      "AND r.effective_at <= $2)))",
      {user_id, now, events::platform_tenant});
  return rows[0].boolean(0) && forget_factors(tx, user_id);
}

bool forget_factors(db::Transaction& tx, std::string_view user_id) {
  if (!factors_of(tx, user_id).any()) return false;
  for (const char* what :
       {"DELETE FROM platform.totp_factors WHERE user_id = $1", "DELETE FROM platform.passkeys WHERE user_id = $1",
        "DELETE FROM platform.recovery_codes WHERE user_id = $1"}) {
    tx.send(what, {user_id});
  }
  drop_resets(tx, user_id);
  forget_tries(tx, user_id);
  return true;
}

void drop_resets(db::Transaction& tx, std::string_view user_id) {
  tx.send("DELETE FROM platform.factor_resets WHERE user_id = $1", {user_id});
}

void strengthen_session(db::Transaction& tx, std::string_view session_id, std::string_view factor, Timestamp now) {
  tx.send(
      "UPDATE platform.sessions SET authenticated_at = $3, second_factor = CASE WHEN $2 = '' THEN second_factor ELSE "
      "$2 "
      "END WHERE session_id = $1 AND ended_at IS NULL",
      {session_id, factor, now});
}

void strengthen_admin_session(db::Transaction& tx, std::string_view session_id, std::string_view factor,
                              Timestamp now) {
  tx.send(
      "UPDATE platform.admin_sessions SET authenticated_at = $3, second_factor = CASE WHEN $2 = '' THEN second_factor "
      "ELSE $2 END WHERE session_id = $1 AND ended_at IS NULL",
      {session_id, factor, now});
}

void weaken_admin_session(db::Transaction& tx, std::string_view session_id) {
  tx.send("UPDATE platform.admin_sessions SET second_factor = '' WHERE session_id = $1", {session_id});
}

void weaken_session(db::Transaction& tx, std::string_view session_id) {
  tx.send("UPDATE platform.sessions SET second_factor = '' WHERE session_id = $1", {session_id});
}

}  // namespace tenantry::gateway::store
