#include "workers/gateway/edge/store.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shared/core/assert.h"
#include "shared/crypto/hash.h"
#include "shared/json/json.h"
#include "shared/tenancy/api_keys.h"
#include "shared/tenancy/tenants.h"

namespace tenantry::gateway::store {
namespace {

using nlohmann::json;

std::string key_context(std::string_view kid) {
  return "platform.signing_keys/" + std::string(kid);
}

// The newest signs once every gateway has read it; until then the one before it does.
Result<std::shared_ptr<const crypto::KeyRing>> load_keys(db::Transaction& tx, const crypto::MasterKeys& masters,
                                                         Timestamp now) {
  const char* const query =
      "SELECT kid, sealed_jwk, created_at FROM platform.signing_keys WHERE retired_at IS NULL "
      "ORDER BY created_at DESC, kid";
  auto rows = tx.exec(query);
  if (rows.empty()) {
    tx.send("SELECT pg_advisory_xact_lock(hashtextextended('platform.signing_keys', 0))");
    rows = tx.exec(query);
  }
  if (rows.empty()) {
    auto key = crypto::SigningKey::generate();
    tx.send("INSERT INTO platform.signing_keys (kid, sealed_jwk, public_jwk, created_at) VALUES ($1, $2, $3, $4)",
            {key.kid(),
             crypto::seal(masters.current().key(), as_bytes(key.private_jwk()), as_bytes(key_context(key.kid()))),
             key.public_jwk(), now});
    return std::make_shared<const crypto::KeyRing>(std::move(key));
  }
  std::shared_ptr<crypto::KeyRing> ring;
  std::vector<crypto::SigningKey> early;  // that others may not know yet
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = rows[i];
    const bool last = i + 1 == rows.size();
    const auto jwk = masters.open(row.bytes(1), as_bytes(key_context(row.text(0))));
    if (!jwk) return jwk.error();
    auto key = crypto::SigningKey::from_jwk(as_text(*jwk));
    if (!key) return key.error();
    if (ring == nullptr && !last && row.timestamp(2) + signing_key_shown_before > now) {
      early.push_back(std::move(*key));
    } else if (ring == nullptr) {
      ring = std::make_shared<crypto::KeyRing>(std::move(*key));
    } else {
      ring->add(std::move(*key));
    }
  }
  for (auto& key : early) ring->add(std::move(key));
  return std::shared_ptr<const crypto::KeyRing>(std::move(ring));
}

constexpr const char* person_query =
    "SELECT u.user_id, u.email, u.first_name, u.last_name, u.password_hash, m.role, "
    "ARRAY(SELECT o.tenant_id FROM platform.memberships o WHERE o.user_id = u.user_id AND o.state = 'active' ORDER BY "
    "1), u.email_verified_at IS NOT NULL, "
    "ARRAY(SELECT o.role FROM platform.memberships o WHERE o.user_id = u.user_id AND o.state = 'active' ORDER BY "
    "o.tenant_id), u.locale "
    "FROM platform.users u LEFT JOIN platform.memberships m ON m.user_id = u.user_id AND m.tenant_id = $2 "
    "AND m.state = 'active' ";

std::optional<Person> person_of(const db::Rows& rows) {
  if (rows.empty()) return std::nullopt;
  const auto row = rows[0];
  return Person{std::string(row.text(0)),
                std::string(row.text(1)),
                std::string(row.text(2)),
                std::string(row.text(3)),
                std::string(row.text(4)),
                std::string(row.text(5)),
                row.texts(6),
                row.boolean(7),
                row.texts(8),
                std::string(row.text(9))};
}

}  // namespace

Result<Reference> load_reference(db::Transaction& tx, const crypto::MasterKeys& masters, Timestamp now) {
  Reference reference;
  auto keys = load_keys(tx, masters, now);
  if (!keys) return keys.error();
  reference.keys = std::move(*keys);
  reference.jwks = reference.keys->jwks();
  for (const auto row : tx.exec("SELECT role, permission FROM platform.role_permissions ORDER BY 1, 2")) {
    reference.permissions[std::string(row.text(0))].emplace_back(row.text(1));
  }
  json plans = json::array();
  for (const auto row :
       tx.exec("SELECT plan, limits, price_minor, currency, modules, audit_retention_months FROM (SELECT DISTINCT ON "
               "(plan) * FROM platform.plans ORDER BY plan, version DESC) p ORDER BY position, plan")) {
    reference.plans.emplace(row.text(0));
    reference.modules[std::string(row.text(0))] = row.texts(4);
    auto limits = json::parse(row.text(1));
    for (const auto& [name, value] : limits.items()) reference.limits.insert(name);
    plans.push_back({{"plan", row.text(0)},
                     {"limits", std::move(limits)},
                     {"price", {{"amount_minor", row.int64(2)}, {"currency", row.text(3)}}},
                     {"modules", row.texts(4)},
                     {"audit_retention_months", row.int64(5)}});
  }
  reference.plans_json = json{{"plans", std::move(plans)}}.dump();
  for (const auto row :
       tx.exec("SELECT metric, aggregation, reset = 'monthly', coalesce(limit_name, ''), open FROM metering.metrics")) {
    std::string name{row.text(0)};
    const events::Metric metric{name, events::aggregation_from(row.text(1)), row.boolean(2), std::string(row.text(3)),
                                row.boolean(4)};
    reference.metrics.emplace(std::move(name), metric);
  }
  for (const auto row : tx.exec("SELECT custom_domain, tenant_id FROM platform.tenants WHERE custom_domain <> ''")) {
    reference.domains.emplace(row.text(0), row.text(1));
  }
  return reference;
}

std::shared_ptr<const TenantEntry> load_tenant(db::Transaction& tx, std::string_view tenant_id, Timestamp now) {
  auto tenant = tenancy::find_tenant(tx, tenant_id);
  if (!tenant) return nullptr;
  auto entry = std::make_shared<TenantEntry>();
  const auto plan =
      tx.exec("SELECT modules, price_minor, currency FROM platform.plans WHERE plan = $1 AND version = $2",
              {tenant->plan, tenant->plan_version});
  entry->modules = plan[0].texts(0);
  entry->price_minor = plan[0].int64(1);
  entry->currency = plan[0].text(2);
  entry->limits = tenancy::load_limits(tx, tenant_id, now);
  for (const auto row :
       tx.exec("SELECT '', flag FROM platform.flags_of($1, $2, $3) UNION ALL SELECT name, value FROM platform.settings "
               "WHERE tenant_id = $1 ORDER BY 1, 2",
               {tenant_id, tenant->plan, now})) {
    if (row.text(0).empty()) {
      entry->flags.emplace_back(row.text(1));
    } else {
      entry->settings.emplace(row.text(0), row.text(1));
    }
  }
  tx.set_tenant(tenant_id);
  entry->month = floor_month(now);
  const auto calls = tx.exec(
      "SELECT quantity FROM metering.counters "
      "WHERE tenant_id = $1 AND metric = $3 AND span = 'month' AND window_start = $2",
      {tenant_id, entry->month, calls_metric});
  if (!calls.empty()) entry->api_calls = calls[0].real(0);
  entry->tenant = std::move(*tenant);
  return entry;
}

Session load_session(db::Transaction& tx, const Bearer& bearer, Timestamp now) {
  Session session{.tenant_id = bearer.tenant_id};
  const auto rows = tx.exec(
      "SELECT authenticated_at, second_factor, acting_reason IS NOT NULL, acting_writes, "
      "acting_reason IS NULL OR EXISTS (SELECT FROM platform.admins a WHERE a.user_id = s.user_id "
      "AND a.revoked_at IS NULL AND a.role <> 'analyst') FROM platform.sessions s WHERE session_id = $1 AND user_id = "
      "$2 AND "
      "tenant_id = $3 "
      "AND ended_at IS NULL AND expires_at > $4",
      {bearer.sid, bearer.user_id, bearer.tenant_id, now});
  session.revoked = rows.empty() || !rows[0].boolean(4);
  if (!rows.empty()) {
    session.authenticated_at = rows[0].timestamp(0);
    session.second_factor = rows[0].text(1);
    session.acting = rows[0].boolean(2);
    session.writes = rows[0].boolean(3);
  }
  if (auto person = read_person(tx, bearer.user_id, bearer.tenant_id)) {
    session.role = std::move(person->role);
    const auto own = tx.exec("SELECT permissions FROM platform.custom_roles WHERE tenant_id = $1 AND role = $2",
                             {bearer.tenant_id, session.role});
    if (!own.empty()) session.permissions = own[0].texts(0);
    session.email = std::move(person->email);
    session.email_verified = person->email_verified;
    session.locale = std::move(person->locale);
    session.first_name = std::move(person->first_name);
    session.last_name = std::move(person->last_name);
    session.tenants = std::move(person->tenants);
    session.roles = std::move(person->roles);
  }
  return session;
}

namespace {

// What is still open of a visit is with it. `shown_by`: the column of what shows the session.
std::optional<AdminSession> see_admin(db::Transaction& tx, const char* shown_by, ByteView hash, Timestamp now) {
  const auto rows = tx.exec(
      std::string("WITH seen AS (UPDATE platform.admin_sessions s SET last_seen_at = $2 FROM platform.admins a, "
                  "platform.users u WHERE s.") +
          shown_by +
          " = $1 AND s.ended_at IS NULL AND s.expires_at > $2 AND s.last_seen_at > $3 "
          "AND a.user_id = s.user_id AND a.revoked_at IS NULL AND u.user_id = s.user_id "
          "RETURNING s.session_id, s.user_id, u.email, a.role, s.second_factor, s.authenticated_at, s.expires_at, "
          "s.visit_id) "
          "SELECT seen.session_id, seen.user_id, email, role, seen.second_factor, seen.authenticated_at, "
          "seen.expires_at, v.session_id, v.tenant_id, v.acting_reason, v.acting_writes, v.created_at, v.expires_at "
          "FROM seen LEFT JOIN platform.sessions v ON v.session_id = seen.visit_id AND v.ended_at IS NULL "
          "AND v.expires_at > $2",
      {hash, now, now - admin_session_idle_life});
  if (rows.empty()) return std::nullopt;
  const auto row = rows[0];
  AdminSession session{std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)),
                       std::string(row.text(3)), std::string(row.text(4)), row.timestamp(5),
                       row.timestamp(6)};
  if (!row.is_null(7)) {
    session.visit = {std::string(row.text(7)), std::string(row.text(8)), std::string(row.text(9)),
                     row.boolean(10),          row.timestamp(11),        row.timestamp(12)};
  }
  return session;
}

}  // namespace

std::optional<AdminSession> see_admin_session(db::Transaction& tx, const crypto::Digest& token_hash, Timestamp now) {
  return see_admin(tx, "token_hash", token_hash, now);
}

bool has_super_admin(db::Transaction& tx) {
  return !tx.exec(
                "SELECT FROM platform.admins a JOIN platform.users u ON u.user_id = a.user_id "
                "WHERE a.revoked_at IS NULL AND a.role = 'super-admin' AND u.password_hash IS NOT NULL AND (EXISTS "
                "(SELECT FROM platform.totp_factors t WHERE t.user_id = a.user_id AND t.confirmed_at IS NOT NULL) OR "
                "EXISTS (SELECT FROM platform.passkeys k WHERE k.user_id = a.user_id)) LIMIT 1")
              .empty();
}

std::optional<Person> find_person(db::Transaction& tx, std::string_view email, std::string_view tenant_id) {
  return person_of(tx.exec(std::string(person_query) + "WHERE u.email = $1", {email, tenant_id}));
}

std::optional<Person> read_person(db::Transaction& tx, std::string_view user_id, std::string_view tenant_id) {
  return person_of(tx.exec(std::string(person_query) + "WHERE u.user_id = $1", {user_id, tenant_id}));
}

std::vector<Standing> standings(db::Transaction& tx, const std::vector<Bearer>& bearers, Timestamp now) {
  std::vector<std::string_view> sessions, tenants, users, keys;
  for (const auto& bearer : bearers) {
    sessions.push_back(bearer.sid);
    tenants.push_back(bearer.tenant_id);
    users.push_back(bearer.user_id);
    keys.push_back(bearer.key_id);
  }
  std::vector<Standing> out;
  for (const auto row : tx.exec(
           "SELECT t.status, t.status_reason, t.trial_ends_at, coalesce(m.role, ''), s.session_id IS NULL AND "
           "k.key_id IS NULL, coalesce(k.permissions, c.permissions, '{}'), b.key_id <> '', g.tenant_id IS NOT NULL, "
           "coalesce(s.second_factor, '') <> '', s.acting_reason IS NOT NULL, coalesce(s.acting_writes, false) "
           "FROM unnest($1::text[], $2::text[], $3::text[], $5::text[]) WITH ORDINALITY AS b (sid, tenant_id, user_id, "
           "key_id, position) "
           "LEFT JOIN platform.tenants t ON t.tenant_id = b.tenant_id "
           "LEFT JOIN platform.settings g ON g.tenant_id = b.tenant_id AND g.name = 'security/second_factor' "
           "AND g.value = 'required' "
           "LEFT JOIN platform.memberships m ON m.tenant_id = b.tenant_id AND m.user_id = nullif(b.user_id, '')::uuid "
           "AND m.state = 'active' "
           "LEFT JOIN platform.custom_roles c ON c.tenant_id = m.tenant_id AND c.role = m.role "
           "LEFT JOIN platform.sessions s ON s.session_id = nullif(b.sid, '')::uuid "
           "AND s.user_id = nullif(b.user_id, '')::uuid "
           "AND s.tenant_id = b.tenant_id AND s.ended_at IS NULL AND s.expires_at > $4 "
           "AND (s.acting_reason IS NULL OR EXISTS (SELECT FROM platform.admins a WHERE a.user_id = s.user_id "
           "AND a.revoked_at IS NULL AND a.role <> 'analyst')) "
           "LEFT JOIN platform.api_keys k ON k.key_id = nullif(b.key_id, '')::uuid AND k.tenant_id = b.tenant_id "
           "AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $4) ORDER BY b.position",
           {db::Param::array(sessions), db::Param::array(tenants), db::Param::array(users), now,
            db::Param::array(keys)})) {
    Standing standing{.role = std::string(row.text(3)),
                      .permissions = row.texts(5),
                      .revoked = row.boolean(4),
                      .machine = row.boolean(6),
                      .factor_demanded = row.boolean(7),
                      .factor_shown = row.boolean(8),
                      .acting = row.boolean(9),
                      .writes = row.boolean(10)};
    if (!row.is_null(0)) {
      const auto status = tenancy::status_from(row.text(0));
      TENANTRY_ASSERT(status);
      standing.tenant = {.status = *status, .reason = std::string(row.text(1)), .trial_ends_at = row.timestamp(2)};
    }
    out.push_back(std::move(standing));
  }
  return out;
}

namespace {

constexpr Seconds admin_idle_life{7200};  // a browser that is left open is no super-admin the next morning
constexpr Seconds seen_every{300};        // so that no request has to write

std::shared_ptr<const CookieEntry> member_cookie(db::Transaction& tx, ByteView cookie_hash, Timestamp now) {
  const auto rows = tx.exec(
      "SELECT session_id::text, user_id::text, tenant_id, created_at, expires_at, last_seen_at FROM platform.sessions "
      "WHERE cookie_hash = $1 AND ended_at IS NULL AND expires_at > $2 AND last_seen_at > $3",
      {cookie_hash, now, now - session_idle_life});
  if (rows.empty()) return nullptr;
  const auto row = rows[0];
  auto claims = std::make_shared<crypto::Claims>();
  claims->sid = row.text(0);
  claims->sub = row.text(1);
  claims->tenant_id = row.text(2);
  claims->iat = to_unix_seconds(row.timestamp(3));
  claims->exp = to_unix_seconds(row.timestamp(4));
  claims->typ = "access";
  auto entry = std::make_shared<CookieEntry>();
  entry->ends_at = row.timestamp(4);
  if (row.timestamp(5) < now - seen_every) {
    tx.send("UPDATE platform.sessions SET last_seen_at = $2 WHERE session_id = $1", {claims->sid, now});
  }
  entry->claims = std::move(claims);
  return entry;
}

// Nothing of it is cached: who is out is out with the next request, as by a token.
std::shared_ptr<const CookieEntry> admins_own_cookie(db::Transaction& tx, ByteView cookie_hash, Timestamp now) {
  auto session = see_admin(tx, "cookie_hash", cookie_hash, now);
  if (!session) return nullptr;
  auto entry = std::make_shared<CookieEntry>();
  entry->ends_at = session->expires_at;
  if (const auto& visit = session->visit) {
    auto claims = std::make_shared<crypto::Claims>();
    claims->sid = visit->session_id;
    claims->sub = session->user_id;
    claims->tenant_id = visit->tenant_id;
    claims->iat = to_unix_seconds(visit->began_at);
    claims->exp = to_unix_seconds(visit->ends_at);
    claims->typ = "access";
    entry->claims = std::move(claims);
  }
  entry->admin_session = std::make_shared<const AdminSession>(*std::move(session));
  return entry;
}

std::shared_ptr<const CookieEntry> admin_cookie(db::Transaction& tx, ByteView cookie_hash, Timestamp now) {
  const auto rows = tx.exec(
      "SELECT admin, person, credential_hash, expires_at, last_seen_at FROM platform.admin_cookies "
      "WHERE cookie_hash = $1 AND expires_at > $2 AND last_seen_at > $3",
      {cookie_hash, now, now - admin_idle_life});
  if (rows.empty()) return nullptr;
  if (has_super_admin(tx)) return nullptr;  // came since: the token is for the first
  const auto row = rows[0];
  auto entry = std::make_shared<CookieEntry>();
  entry->admin = row.text(0);
  entry->person = row.text(1);
  const auto credential = row.bytes(2);
  TENANTRY_ASSERT(credential.size() == entry->credential.size());
  std::ranges::copy(credential, entry->credential.begin());
  entry->ends_at = row.timestamp(3);
  if (row.timestamp(4) < now - seen_every) {
    tx.send("UPDATE platform.admin_cookies SET last_seen_at = $2 WHERE cookie_hash = $1", {cookie_hash, now});
  }
  return entry;
}

}  // namespace

std::shared_ptr<const CookieEntry> load_cookie(db::Transaction& tx, ByteView cookie_hash, Timestamp now) {
  if (auto member = member_cookie(tx, cookie_hash, now)) return member;
  if (auto admin = admins_own_cookie(tx, cookie_hash, now)) return admin;
  return admin_cookie(tx, cookie_hash, now);
}

std::shared_ptr<const ApiKeyEntry> load_api_key(db::Transaction& tx, std::string_view public_id,
                                                const crypto::Digest& secret_hash, Timestamp now) {
  const auto rows = tx.exec(
      "SELECT key_id, tenant_id, permissions, networks, expires_at, revoked_at, secret_hash, former_hash, "
      "former_ends_at, requests_per_minute FROM platform.api_keys WHERE public_id = $1",
      {public_id});
  if (rows.empty()) return nullptr;
  const auto row = rows[0];
  auto entry = std::make_shared<ApiKeyEntry>();
  entry->key_id = row.text(0);
  entry->tenant_id = row.text(1);
  entry->secret_hash = secret_hash;
  entry->permissions = row.texts(2);
  entry->networks = row.texts(3);
  const bool present = crypto::constant_time_equal(row.bytes(6), secret_hash);
  const bool former = !row.is_null(7) && crypto::constant_time_equal(row.bytes(7), secret_hash);
  entry->ends_at = row.optional_timestamp(present ? 4 : 8);
  if (!row.is_null(9)) entry->requests_per_minute = row.int64(9);
  if (!present && !former) {
    entry->refused = "api_key_wrong";
  } else if (!row.is_null(5)) {
    entry->refused = "api_key_revoked";
  } else if (entry->ends_at && *entry->ends_at <= now) {
    entry->refused = "api_key_expired";
  }
  return entry;
}

void store_uses(db::Transaction& tx, const std::vector<ApiKeyUse>& uses) {
  std::vector<std::string> keys, addresses;
  std::vector<Bytes> hashes;
  std::vector<Timestamp> times;
  std::vector<std::int64_t> counts;
  for (const auto& use : uses) {
    keys.push_back(use.key_id);
    hashes.emplace_back(use.secret_hash.begin(), use.secret_hash.end());
    times.push_back(use.at);
    addresses.push_back(use.address);
    counts.push_back(use.count);
  }
  // Once the present secret is used it has arrived: the former one ends an hour later.
  tx.send(
      "UPDATE platform.api_keys k SET used_at = greatest(k.used_at, u.at), used_from = u.address, "
      "uses = k.uses + u.count, secret_used_at = coalesce(k.secret_used_at, CASE WHEN u.present THEN u.at END), "
      "former_ends_at = CASE WHEN u.present AND k.secret_used_at IS NULL AND k.former_hash IS NOT NULL "
      "THEN least(k.former_ends_at, u.at + $6 * interval '1 second') ELSE k.former_ends_at END "
      "FROM (SELECT o.key_id, max(b.at) AS at, sum(b.count)::bigint AS count, bool_or(b.hash = o.secret_hash) AS "
      "present, "
      "(array_agg(b.address ORDER BY b.at DESC))[1] AS address "
      "FROM unnest($1::text[], $2::bytea[], $3::timestamptz[], $4::text[], $5::bigint[]) AS b (key_id, hash, at, "
      "address, count) JOIN platform.api_keys o ON o.key_id = b.key_id::uuid GROUP BY o.key_id) u "
      "WHERE k.key_id = u.key_id",
      {db::Param::array(keys), db::Param::array(hashes), db::Param::array(times), db::Param::array(addresses),
       db::Param::array(counts), tenancy::former_secret_after_use.count()});
}

}  // namespace tenantry::gateway::store
