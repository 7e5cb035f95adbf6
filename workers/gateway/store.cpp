#include "workers/gateway/store.h"

#include <nlohmann/json.hpp>

#include "shared/crypto/hash.h"
#include "shared/json/json.h"
#include "shared/tenancy/tenants.h"

namespace tenantry::gateway::store {
namespace {

using nlohmann::json;

std::string key_context(std::string_view kid) {
  return "platform.signing_keys/" + std::string(kid);
}

Result<std::shared_ptr<const crypto::KeyRing>> load_keys(db::Transaction& tx, const crypto::MasterKey& master,
                                                         Timestamp now) {
  const char* const query =
      "SELECT kid, sealed_jwk FROM platform.signing_keys WHERE retired_at IS NULL ORDER BY created_at DESC, kid";
  auto rows = tx.exec(query);
  if (rows.empty()) {
    tx.send("SELECT pg_advisory_xact_lock(hashtextextended('platform.signing_keys', 0))");
    rows = tx.exec(query);
  }
  if (rows.empty()) {
    auto key = crypto::SigningKey::generate();
    tx.send("INSERT INTO platform.signing_keys (kid, sealed_jwk, public_jwk, created_at) VALUES ($1, $2, $3, $4)",
            {key.kid(), crypto::seal(master.key(), as_bytes(key.private_jwk()), as_bytes(key_context(key.kid()))),
             key.public_jwk(), now});
    return std::make_shared<const crypto::KeyRing>(std::move(key));
  }
  std::shared_ptr<crypto::KeyRing> ring;
  for (const auto row : rows) {
    const auto jwk = crypto::open(master.key(), row.bytes(1), as_bytes(key_context(row.text(0))));
    if (!jwk) return jwk.error();
    auto key = crypto::SigningKey::from_jwk(as_text(*jwk));
    if (!key) return key.error();
    if (ring == nullptr) {
      ring = std::make_shared<crypto::KeyRing>(std::move(*key));
    } else {
      ring->add(std::move(*key));
    }
  }
  return std::shared_ptr<const crypto::KeyRing>(std::move(ring));
}

void apply_override(Limits& limits, std::string_view name, std::string_view value) {
  const auto number = parse_json(value);
  if (!number || !number->is_number_integer()) return;
  const auto amount = number->get<std::int64_t>();
  if (name == "users_max") limits.users_max = amount;
  if (name == "storage_bytes_max") limits.storage_bytes_max = amount;
  if (name == "api_calls_max") limits.api_calls_max = amount;
  if (name == "requests_per_minute") limits.requests_per_minute = amount;
}

constexpr const char* person_query =
    "SELECT u.user_id, u.email, u.first_name, u.last_name, u.password_hash, m.role, "
    "ARRAY(SELECT o.tenant_id FROM platform.memberships o WHERE o.user_id = u.user_id ORDER BY 1) "
    "FROM platform.users u LEFT JOIN platform.memberships m ON m.user_id = u.user_id AND m.tenant_id = $2 ";

std::optional<Person> person_of(const db::Rows& rows) {
  if (rows.empty()) return std::nullopt;
  const auto row = rows[0];
  return Person{std::string(row.text(0)),
                std::string(row.text(1)),
                std::string(row.text(2)),
                std::string(row.text(3)),
                std::string(row.text(4)),
                std::string(row.text(5)),
                row.texts(6)};
}

}  // namespace

Result<Reference> load_reference(db::Transaction& tx, const crypto::MasterKey& master, Timestamp now) {
  Reference reference;
  auto keys = load_keys(tx, master, now);
  if (!keys) return keys.error();
  reference.keys = std::move(*keys);
  reference.jwks = reference.keys->jwks();
  for (const auto row : tx.exec("SELECT role, permission FROM platform.role_permissions ORDER BY 1, 2")) {
    reference.permissions[std::string(row.text(0))].emplace_back(row.text(1));
  }
  json plans = json::array();
  for (const auto row :
       tx.exec("SELECT plan, users_max, storage_bytes_max, api_calls_max, requests_per_minute, price_minor, currency, "
               "modules, audit_retention_months FROM (SELECT DISTINCT ON (plan) * FROM platform.plans ORDER BY plan, "
               "version DESC) p "
               "ORDER BY position, plan")) {
    reference.plans.emplace(row.text(0));
    plans.push_back({{"plan", row.text(0)},
                     {"users", row.int64(1)},
                     {"storage_bytes", row.int64(2)},
                     {"api_calls_per_month", row.int64(3)},
                     {"requests_per_minute", row.int64(4)},
                     {"price", {{"amount_minor", row.int64(5)}, {"currency", row.text(6)}}},
                     {"modules", row.texts(7)},
                     {"audit_retention_months", row.int64(8)}});
  }
  reference.plans_json = json{{"plans", std::move(plans)}}.dump();
  for (const auto row : tx.exec("SELECT custom_domain, tenant_id FROM platform.tenants WHERE custom_domain <> ''")) {
    reference.domains.emplace(row.text(0), row.text(1));
  }
  return reference;
}

std::shared_ptr<const TenantEntry> load_tenant(db::Transaction& tx, std::string_view tenant_id, Timestamp now) {
  auto tenant = tenancy::find_tenant(tx, tenant_id);
  if (!tenant) return nullptr;
  auto entry = std::make_shared<TenantEntry>();
  const auto plan = tx.exec(
      "SELECT users_max, storage_bytes_max, api_calls_max, requests_per_minute, modules, price_minor, currency "
      "FROM platform.plans WHERE plan = $1 AND version = $2",
      {tenant->plan, tenant->plan_version});
  entry->limits = {plan[0].int64(0), plan[0].int64(1), plan[0].int64(2), plan[0].int64(3)};
  entry->modules = plan[0].texts(4);
  entry->price_minor = plan[0].int64(5);
  entry->currency = plan[0].text(6);
  for (const auto row : tx.exec("SELECT name, value FROM platform.overrides WHERE tenant_id = $1", {tenant_id})) {
    apply_override(entry->limits, row.text(0), row.text(1));
  }
  tx.set_tenant(tenant_id);
  entry->month = floor_month(now);
  const auto calls = tx.exec(
      "SELECT quantity FROM metering.counters "
      "WHERE tenant_id = $1 AND metric = 'api_calls' AND span = 'month' AND window_start = $2",
      {tenant_id, entry->month});
  if (!calls.empty()) entry->api_calls = calls[0].real(0);
  entry->tenant = std::move(*tenant);
  return entry;
}

Session load_session(db::Transaction& tx, std::string_view jti, std::string_view tenant_id, std::string_view user_id) {
  Session session{.tenant_id = std::string(tenant_id)};
  session.revoked = !tx.exec("SELECT FROM platform.revoked_tokens WHERE jti = $1", {jti}).empty();
  if (auto person = read_person(tx, user_id, tenant_id)) {
    session.role = std::move(person->role);
    session.email = std::move(person->email);
    session.first_name = std::move(person->first_name);
    session.last_name = std::move(person->last_name);
    session.tenants = std::move(person->tenants);
  }
  return session;
}

std::optional<Person> find_person(db::Transaction& tx, std::string_view email, std::string_view tenant_id) {
  return person_of(tx.exec(std::string(person_query) + "WHERE u.email = $1", {email, tenant_id}));
}

std::optional<Person> read_person(db::Transaction& tx, std::string_view user_id, std::string_view tenant_id) {
  return person_of(tx.exec(std::string(person_query) + "WHERE u.user_id = $1", {user_id, tenant_id}));
}

bool email_taken(db::Transaction& tx, std::string_view email) {
  return !tx.exec("SELECT FROM platform.users WHERE email = $1", {email}).empty();
}

void add_refresh_token(db::Transaction& tx, ByteView hash, const RefreshToken& token, Timestamp expires_at,
                       Timestamp now) {
  tx.send(
      "INSERT INTO platform.refresh_tokens (token_hash, user_id, tenant_id, expires_at, created_at) "
      "VALUES ($1, $2, $3, $4, $5)",
      {hash, token.user_id, token.tenant_id, expires_at, now});
}

std::optional<RefreshToken> take_refresh_token(db::Transaction& tx, ByteView hash, Timestamp now) {
  const auto rows = tx.exec(
      "DELETE FROM platform.refresh_tokens WHERE token_hash = $1 RETURNING user_id, tenant_id, expires_at", {hash});
  if (rows.empty() || rows[0].timestamp(2) <= now) return std::nullopt;
  return RefreshToken{std::string(rows[0].text(0)), std::string(rows[0].text(1))};
}

void drop_refresh_tokens(db::Transaction& tx, const RefreshToken& owner, std::optional<Bytes> hash) {
  tx.send(
      "DELETE FROM platform.refresh_tokens WHERE user_id = $1 AND tenant_id = $2 "
      "AND ($3::bytea IS NULL OR token_hash = $3)",
      {owner.user_id, owner.tenant_id, hash});
}

void revoke_token(db::Transaction& tx, std::string_view jti, Timestamp expires_at) {
  tx.send("INSERT INTO platform.revoked_tokens (jti, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
          {jti, expires_at});
}

std::optional<StoredResponse> lock_idempotency_key(db::Transaction& tx, std::string_view scope, std::string_view key,
                                                   Timestamp keep_since) {
  tx.send("SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))", {scope, key});
  tx.send("DELETE FROM platform.idempotency_keys WHERE scope = $1 AND key = $2 AND created_at < $3",
          {scope, key, keep_since});
  const auto rows =
      tx.exec("SELECT request_hash, status, response FROM platform.idempotency_keys WHERE scope = $1 AND key = $2",
              {scope, key});
  if (rows.empty()) return std::nullopt;
  return StoredResponse{rows[0].bytes(0), static_cast<int>(rows[0].int64(1)), std::string(rows[0].text(2))};
}

void save_idempotency_key(db::Transaction& tx, std::string_view scope, std::string_view key,
                          const StoredResponse& response, Timestamp now) {
  tx.send(
      "INSERT INTO platform.idempotency_keys (scope, key, request_hash, status, response, created_at) "
      "VALUES ($1, $2, $3, $4, $5, $6)",
      {scope, key, response.request_hash, response.status, response.body, now});
}

void add_user(db::Transaction& tx, const NewUser& user, Timestamp now) {
  tx.send(
      "INSERT INTO platform.users (user_id, email, first_name, last_name, locale, password_hash, created_at) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {user.user_id, user.email, user.first_name, user.last_name, user.locale, user.password_hash, now});
}

void add_signup(db::Transaction& tx, const Uuid& signup_id, std::string_view tenant_id, const Uuid& user_id,
                Timestamp now) {
  tx.send(
      "INSERT INTO platform.signups (signup_id, tenant_id, user_id, state, created_at) "
      "VALUES ($1, $2, $3, 'requested', $4)",
      {signup_id, tenant_id, user_id, now});
}

std::string tenant_of_customer(db::Transaction& tx, std::string_view customer_id) {
  const auto rows = tx.exec("SELECT tenant_id FROM billing.customers WHERE stripe_customer_id = $1", {customer_id});
  return rows.empty() ? "" : std::string(rows[0].text(0));
}

bool add_stripe_event(db::Transaction& tx, const StripeRow& row, std::string_view body, Timestamp now) {
  const auto made = tx.exec(
      "INSERT INTO billing.stripe_events (stripe_event_id, type, account, tenant_id, state, reason, stated_at, body, "
      "body_hash, received_at) VALUES ($1, $2, $3, nullif($4, ''), $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
      {row.event_id, row.type, row.account, row.tenant_id, row.state, row.reason, row.stated_at, as_bytes(body),
       ByteView{crypto::sha256(as_bytes(body))}, now});
  return made.affected() == 1;
}

bool stripe_event_has_body(db::Transaction& tx, std::string_view event_id, std::string_view body) {
  return !tx.exec("SELECT FROM billing.stripe_events WHERE stripe_event_id = $1 AND body_hash = $2",
                  {event_id, ByteView{crypto::sha256(as_bytes(body))}})
              .empty();
}

}  // namespace tenantry::gateway::store
