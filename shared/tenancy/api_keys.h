// API keys of a tenant, in rows: made, rotated, revoked. A key is the tenant's: who made it may go, and it stays.
//
// As in members.h: in the caller's transaction, with the tenant's row locked and who acts read under that lock; the
// outbox gets the event and the signal that caches are stale.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "shared/tenancy/members.h"

namespace tenantry::tenancy {

constexpr int reminded_days[] = {14, 3};  // before a key ends its owners are told
constexpr std::size_t api_keys_max = 50;  // of a tenant that are good
constexpr Days api_key_life{90};          // where nothing else is asked for
// How long the former secret is good after a rotation: for all who have it to be given the new one. Once that was used
// it is known to have arrived.
constexpr Days former_secret_life{7};
constexpr Seconds former_secret_after_use{3600};

struct ApiKey {
  Uuid key_id;
  std::string tenant_id;
  std::string public_id;
  std::string name;
  std::vector<std::string> permissions;  // sorted, each once
  std::vector<std::string> networks;     // it may come from; none: from anywhere
  std::string created_by;
  Timestamp created_at{};
  std::optional<Timestamp> expires_at{};              // nullopt: never
  std::optional<std::int64_t> requests_per_minute{};  // nullopt: as many as its tenant's
};

struct IssuedApiKey {
  ApiKey key;
  std::string text;  // the key itself: shown once
  std::optional<Timestamp> former_ends_at{};
};

// Errors: as lock_as; what may_change says; conflict "api_key_limit_reached"; invalid "/requests_per_minute" for more
// than the tenant's. Ids and times of `wanted` are filled in.
Result<IssuedApiKey> create_api_key(db::Transaction& tx, messaging::Outbox& outbox, IdGenerator& ids, ApiKey wanted);

struct ApiKeyRef {
  std::string tenant_id;
  Uuid key_id;
  std::string actor_id;  // a member; of what is revoked or rated also the_platform (members.h)
  std::string reason{};  // the platform's
};

// A new secret, for which the actor answers from now on. Where the present one was never used it is forgotten, and the
// one before it goes on as it did. Errors also: not_found "api_key_not_found"; conflict "api_key_over".
Result<IssuedApiKey> rotate_api_key(db::Transaction& tx, messaging::Outbox& outbox, const ApiKeyRef& which,
                                    std::optional<Timestamp> expires_at);
// Gives it a rate of its own, or with nullopt its tenant's; so that it may stop what runs wild it takes no more than
// the right to revoke. Errors as revoke_api_key's.
Result<ApiKey> rate_api_key(db::Transaction& tx, messaging::Outbox& outbox, const ApiKeyRef& which,
                            std::optional<std::int64_t> requests_per_minute);
Result<void> revoke_api_key(db::Transaction& tx, messaging::Outbox& outbox, const ApiKeyRef& which);

}  // namespace tenantry::tenancy
