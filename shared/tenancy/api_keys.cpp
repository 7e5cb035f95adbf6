#include "shared/tenancy/api_keys.h"

#include <algorithm>

#include "events/proto_time.h"
#include "shared/crypto/api_key.h"
#include "shared/db/connection.h"
#include "shared/messaging/outbox.h"
#include "shared/tenancy/permissions.h"
#include "tenantry/events/v1/access.pb.h"
#include "tenantry/events/v1/platform.pb.h"

namespace tenantry::tenancy {
namespace {

namespace v1 = tenantry::events::v1;
using messaging::Outbox;

// A key as it stands, its tenant locked.
struct Standing {
  ApiKey key;
  bool over = false;  // revoked or expired
  bool used = false;  // its present secret
  std::optional<Timestamp> former_ends_at{};
};

// One that the actor's right to the act reaches: a key is whose who answers for it.
Result<Standing> find_key(db::Transaction& tx, const ApiKeyRef& which, const Actor& actor, Act act, Timestamp now) {
  const auto rows = tx.exec(
      "SELECT public_id, name, permissions, networks, created_by, created_at, expires_at, revoked_at, secret_used_at, "
      "former_ends_at, requests_per_minute FROM platform.api_keys WHERE tenant_id = $1 AND key_id = $2 AND ($3::uuid "
      "IS NULL OR created_by "
      "= "
      "$3)",
      {which.tenant_id, which.key_id, whose(actor, act)});
  if (rows.empty()) return Error{.code = Errc::not_found, .reason = "api_key_not_found", .message = "no such key"};
  const auto row = rows[0];
  const auto expires_at = row.optional_timestamp(6);
  return Standing{.key = {which.key_id, which.tenant_id, std::string(row.text(0)), std::string(row.text(1)),
                          row.texts(2), row.texts(3), std::string(row.text(4)), row.timestamp(5), expires_at,
                          row.is_null(10) ? std::nullopt : std::optional(row.int64(10))},
                  .over = !row.is_null(7) || (expires_at && *expires_at <= now),
                  .used = !row.is_null(8),
                  .former_ends_at = row.optional_timestamp(9)};
}

Error over() {
  return Error::conflict("api_key_over", "the key was revoked or has expired; make another");
}

std::string reminder_key(const Uuid& key_id, int days) {
  return "api_key/" + key_id.to_string() + "/expires/" + std::to_string(days);
}

void forget_reminders(Outbox& outbox, const Uuid& key_id) {
  for (const int days : reminded_days) outbox.cancel(reminder_key(key_id, days));
}

// In the place of those of before: a key that was rotated ends at another time.
void set_reminders(Outbox& outbox, const ApiKey& key) {
  forget_reminders(outbox, key.key_id);
  for (const int days : reminded_days) {
    if (!key.expires_at || *key.expires_at - Days{days} <= outbox.now()) continue;
    v1::ApiKeyExpiring event;
    event.set_key_id(key.key_id.to_string());
    event.set_name(key.name);
    *event.mutable_expires_at() = events::to_proto(*key.expires_at);
    event.set_days(days);
    outbox.schedule(reminder_key(key.key_id, days), *key.expires_at - Days{days}, key.tenant_id, event);
  }
}

// A key has a part of what its tenant has.
Result<void> check_rate(db::Transaction& tx, const std::string& tenant_id, std::optional<std::int64_t> rate,
                        Timestamp now) {
  if (!rate) return {};
  const auto tenants = tx.exec(
      "SELECT l.value FROM platform.tenants t, platform.limits_of(t.tenant_id, t.plan, t.plan_version, $2) l "
      "WHERE t.tenant_id = $1 AND l.name = 'requests_per_minute'",
      {tenant_id, now});
  if (tenants.empty() || tenants[0].int64(0) < 0 || *rate <= tenants[0].int64(0)) return {};
  return Error::invalid("/requests_per_minute", "beyond_limit",
                        "must be at most the " + std::to_string(tenants[0].int64(0)) + " of the plan");
}

}  // namespace

Result<IssuedApiKey> create_api_key(db::Transaction& tx, Outbox& outbox, IdGenerator& ids, ApiKey wanted) {
  const auto now = outbox.now();
  const auto actor = lock_as(tx, wanted.tenant_id, wanted.created_by);
  if (!actor) return actor.error();
  if (auto ok = may_change(*actor, {.act = Act::create_key, .to = Role{"", wanted.permissions}, .own = true}); !ok) {
    return ok.error();
  }
  if (auto ok = check_rate(tx, wanted.tenant_id, wanted.requests_per_minute, now); !ok) return ok.error();
  const auto live = tx.exec(
      "SELECT count(*) FROM platform.api_keys WHERE tenant_id = $1 AND revoked_at IS NULL "
      "AND (expires_at IS NULL OR expires_at > $2)",
      {wanted.tenant_id, now});
  if (live[0].int64(0) >= static_cast<std::int64_t>(api_keys_max)) {
    return Error::conflict("api_key_limit_reached", "a tenant has at most " + std::to_string(api_keys_max) + " keys");
  }
  wanted.key_id = ids.next();
  wanted.public_id = crypto::new_api_key_public_id();
  wanted.created_at = now;
  const auto secret = crypto::new_api_key_secret();
  tx.send(
      "INSERT INTO platform.api_keys (key_id, tenant_id, public_id, secret_hash, name, permissions, networks, "
      "created_by, created_at, expires_at, requests_per_minute) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
      {wanted.key_id, wanted.tenant_id, wanted.public_id, ByteView{crypto::api_key_hash(secret)}, wanted.name,
       db::Param::array(wanted.permissions), db::Param::array(wanted.networks), wanted.created_by, now,
       wanted.expires_at, wanted.requests_per_minute});
  v1::ApiKeyCreated event;
  event.set_key_id(wanted.key_id.to_string());
  event.set_name(wanted.name);
  event.set_prefix(crypto::api_key_prefix(wanted.public_id));
  event.set_permissions(one_text(wanted.permissions));
  if (wanted.expires_at) *event.mutable_expires_at() = events::to_proto(*wanted.expires_at);
  event.set_requests_per_minute(wanted.requests_per_minute.value_or(0));
  outbox.publish(wanted.tenant_id, event);
  set_reminders(outbox, wanted);
  auto text = crypto::write_api_key({wanted.public_id, secret});
  return IssuedApiKey{std::move(wanted), std::move(text)};
}

Result<IssuedApiKey> rotate_api_key(db::Transaction& tx, Outbox& outbox, const ApiKeyRef& which,
                                    std::optional<Timestamp> expires_at) {
  const auto now = outbox.now();
  const auto actor = lock_as(tx, which.tenant_id, which.actor_id);
  if (!actor) return actor.error();
  auto found = find_key(tx, which, *actor, Act::rotate_key, now);
  if (!found) return found.error();
  if (auto ok = may_change(*actor, {.act = Act::rotate_key, .role = {"", found->key.permissions}, .own = true}); !ok) {
    return ok.error();
  }
  if (found->over) return over();

  auto& key = found->key;
  const bool former_goes_on = !found->used && found->former_ends_at && *found->former_ends_at > now;
  auto former_ends_at = former_goes_on ? *found->former_ends_at : now + former_secret_life;
  for (const auto& end : {key.expires_at, expires_at})
    former_ends_at = std::min(former_ends_at, end.value_or(former_ends_at));
  key.expires_at = expires_at;
  key.created_by = which.actor_id;
  const auto secret = crypto::new_api_key_secret();
  tx.send(
      "UPDATE platform.api_keys SET former_hash = CASE WHEN $3 THEN former_hash ELSE secret_hash END, "
      "former_ends_at = $4, secret_hash = $5, secret_used_at = NULL, expires_at = $6, created_by = $7 "
      "WHERE tenant_id = $1 AND key_id = $2",
      {which.tenant_id, which.key_id, former_goes_on, former_ends_at, ByteView{crypto::api_key_hash(secret)},
       key.expires_at, key.created_by});
  v1::ApiKeyRotated event;
  event.set_key_id(which.key_id.to_string());
  event.set_name(key.name);
  *event.mutable_former_ends_at() = events::to_proto(former_ends_at);
  if (key.expires_at) *event.mutable_expires_at() = events::to_proto(*key.expires_at);
  outbox.publish(which.tenant_id, event);
  set_reminders(outbox, key);
  outbox.signal(which.tenant_id, v1::TenantChanged());
  auto text = crypto::write_api_key({key.public_id, secret});
  return IssuedApiKey{std::move(key), std::move(text), former_ends_at};
}

Result<ApiKey> rate_api_key(db::Transaction& tx, Outbox& outbox, const ApiKeyRef& which,
                            std::optional<std::int64_t> requests_per_minute) {
  const auto now = outbox.now();
  const auto actor = lock_for(tx, which.tenant_id, which.actor_id);
  if (!actor) return actor.error();
  auto found = find_key(tx, which, *actor, Act::revoke_key, now);
  if (!found) return found.error();
  if (auto ok = may_change(*actor, {.act = Act::revoke_key, .own = true}); !ok) return ok.error();
  if (found->over) return over();
  if (auto ok = check_rate(tx, which.tenant_id, requests_per_minute, now); !ok) return ok.error();
  auto& key = found->key;
  if (key.requests_per_minute == requests_per_minute) return std::move(key);
  tx.send("UPDATE platform.api_keys SET requests_per_minute = $3 WHERE tenant_id = $1 AND key_id = $2",
          {which.tenant_id, which.key_id, requests_per_minute});
  v1::ApiKeyRated event;
  event.set_key_id(which.key_id.to_string());
  event.set_name(key.name);
  event.set_old_requests_per_minute(key.requests_per_minute.value_or(0));
  event.set_requests_per_minute(requests_per_minute.value_or(0));
  event.set_reason(which.reason);
  outbox.publish(which.tenant_id, event);
  outbox.signal(which.tenant_id, v1::TenantChanged());
  key.requests_per_minute = requests_per_minute;
  return std::move(key);
}

Result<void> revoke_api_key(db::Transaction& tx, Outbox& outbox, const ApiKeyRef& which) {
  const auto now = outbox.now();
  const auto actor = lock_for(tx, which.tenant_id, which.actor_id);
  if (!actor) return actor.error();
  const auto found = find_key(tx, which, *actor, Act::revoke_key, now);
  if (!found) return found.error();
  if (auto ok = may_change(*actor, {.act = Act::revoke_key, .own = true}); !ok) return ok.error();
  if (found->over) return over();
  tx.send("UPDATE platform.api_keys SET revoked_at = $3 WHERE tenant_id = $1 AND key_id = $2",
          {which.tenant_id, which.key_id, now});
  forget_reminders(outbox, which.key_id);
  v1::ApiKeyRevoked event;
  event.set_key_id(which.key_id.to_string());
  event.set_name(found->key.name);
  event.set_reason(which.reason);
  outbox.publish(which.tenant_id, event);
  outbox.signal(which.tenant_id, v1::TenantChanged());
  return {};
}

}  // namespace tenantry::tenancy
