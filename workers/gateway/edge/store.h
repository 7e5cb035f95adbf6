// What the edge reads of the database: keys, plans, tenants, sessions, people. What a resource has of its own is in
// its folder.
//
// Functions run inside the caller's transaction; those about a tenant's own rows set the tenant first, so that
// row-level security holds.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "events/usage.h"
#include "shared/core/bytes.h"
#include "shared/crypto/envelope.h"
#include "shared/crypto/jwt.h"
#include "shared/db/connection.h"
#include "workers/gateway/edge/access.h"
#include "workers/gateway/edge/cache.h"

namespace tenantry::gateway {

// What rarely changes and every request needs. A value: replaced whole.
struct Reference {
  std::shared_ptr<const crypto::KeyRing> keys{};
  std::string jwks{};  // their public parts: another text means other keys
  RolePermissions permissions{};
  std::set<std::string> plans{};
  PlanModules modules{};                                      // of each plan, as it is sold today
  std::set<std::string> limits{};                             // the names that plans give them
  events::Metrics metrics{};                                  // what usage may name
  std::string plans_json{};                                   // the answer of /signup/plans
  std::map<std::string, std::string, std::less<>> domains{};  // whose each custom domain is
};

namespace store {

// Makes the first signing key where there is none; two processes at once make one.
Result<Reference> load_reference(db::Transaction& tx, const crypto::MasterKeys& masters, Timestamp now);
// How long a new signing key is published before it signs: every gateway has read it by then.
constexpr Seconds signing_key_shown_before{30};

std::shared_ptr<const TenantEntry> load_tenant(db::Transaction& tx, std::string_view tenant_id, Timestamp now);
struct Bearer {
  std::string sid;  // a UUID; "" of a key
  std::string tenant_id;
  std::string user_id;
  std::string key_id{};  // "": a person's session
};
// In their order.
std::vector<Standing> standings(db::Transaction& tx, const std::vector<Bearer>& bearers, Timestamp now);
Session load_session(db::Transaction& tx, const Bearer& bearer, Timestamp now);
constexpr Days session_idle_life{14};  // without being seen

// A super-admin's session, seen now; nullopt: there is none that is good.
constexpr Seconds admin_session_idle_life{30 * 60};
constexpr Seconds admin_session_life{12 * 3600};  // a working day, however often it is seen
struct AdminSession {
  std::string session_id;
  std::string user_id;
  std::string email;
  std::string role;
  std::string second_factor;  // "": none yet
  Timestamp authenticated_at{};
  Timestamp expires_at{};
  struct Visit {  // to the tenant that the cookie is good for, besides
    std::string session_id;
    std::string tenant_id;
    std::string reason;
    bool writes = false;
    Timestamp began_at{};
    Timestamp ends_at{};
  };
  std::optional<Visit> visit{};
};
std::optional<AdminSession> see_admin_session(db::Transaction& tx, const crypto::Digest& token_hash, Timestamp now);
// Whether super-admins have one among them who logs in with a second factor: then the platform's token opens no
// console.
bool has_super_admin(db::Transaction& tx);
// Null: the cookie stands for nothing that goes on. It is noted, once in a while, that the session was seen.
std::shared_ptr<const CookieEntry> load_cookie(db::Transaction& tx, ByteView cookie_hash, Timestamp now);

// By what it is found by, and the hash of its secret; also where it opens nothing. Null: there is none of that id.
std::shared_ptr<const ApiKeyEntry> load_api_key(db::Transaction& tx, std::string_view public_id,
                                                const crypto::Digest& secret_hash, Timestamp now);
struct ApiKeyUse {
  std::string key_id;
  crypto::Digest secret_hash{};
  Timestamp at{};  // the last
  std::string address;
  std::int64_t count = 0;
};
void store_uses(db::Transaction& tx, const std::vector<ApiKeyUse>& uses);

// People.
struct Person {
  std::string user_id;
  std::string email;
  std::string first_name;
  std::string last_name;
  std::string password_hash;
  std::string role;                  // in the tenant asked for; "": no member
  std::vector<std::string> tenants;  // all of theirs
  bool email_verified = false;
  std::vector<std::string> roles{};  // in each of the tenants
  std::string locale{};
};
std::optional<Person> find_person(db::Transaction& tx, std::string_view email, std::string_view tenant_id);
std::optional<Person> read_person(db::Transaction& tx, std::string_view user_id, std::string_view tenant_id);

}  // namespace store
}  // namespace tenantry::gateway
