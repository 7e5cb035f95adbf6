// The gateway's SQL, all of it. Functions run inside the caller's transaction; those
// about a tenant's own rows set the tenant first, so that row-level security holds.
//
// Lists come as the JSON that the API shows.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/bytes.h"
#include "shared/crypto/envelope.h"
#include "shared/crypto/jwt.h"
#include "shared/db/connection.h"
#include "shared/messaging/dead_letters.h"
#include "workers/gateway/cache.h"
#include "workers/gateway/validate.h"

namespace tenantry::gateway {

// What rarely changes and every request needs. A value: replaced whole.
struct Reference {
  std::shared_ptr<const crypto::KeyRing> keys{};
  std::string jwks{};  // their public parts: another text means other keys
  std::map<std::string, std::vector<std::string>, std::less<>> permissions{};  // by role
  std::set<std::string> plans{};
  std::string plans_json{};                                   // the answer of /signup/plans
  std::map<std::string, std::string, std::less<>> domains{};  // whose each custom domain is
};

namespace store {

// Makes the first signing key where there is none; two processes at once make one.
Result<Reference> load_reference(db::Transaction& tx, const crypto::MasterKey& master, Timestamp now);

std::shared_ptr<const TenantEntry> load_tenant(db::Transaction& tx, std::string_view tenant_id, Timestamp now);
Session load_session(db::Transaction& tx, std::string_view jti, std::string_view tenant_id, std::string_view user_id);

// People.
struct Person {
  std::string user_id;
  std::string email;
  std::string first_name;
  std::string last_name;
  std::string password_hash;
  std::string role;                  // in the tenant asked for; "": no member
  std::vector<std::string> tenants;  // all of theirs
};
std::optional<Person> find_person(db::Transaction& tx, std::string_view email, std::string_view tenant_id);
std::optional<Person> read_person(db::Transaction& tx, std::string_view user_id, std::string_view tenant_id);
bool email_taken(db::Transaction& tx, std::string_view email);

struct RefreshToken {
  std::string user_id;
  std::string tenant_id;
};
void add_refresh_token(db::Transaction& tx, ByteView hash, const RefreshToken& token, Timestamp expires_at,
                       Timestamp now);
std::optional<RefreshToken> take_refresh_token(db::Transaction& tx, ByteView hash, Timestamp now);  // it is used up
void drop_refresh_tokens(db::Transaction& tx, const RefreshToken& owner, std::optional<Bytes> hash);
void revoke_token(db::Transaction& tx, std::string_view jti, Timestamp expires_at);

// Signup.
struct StoredResponse {
  Bytes request_hash;
  int status = 0;
  std::string body;
};
// Waits for a twin at work, so that one of them executes and the others find its answer.
std::optional<StoredResponse> lock_idempotency_key(db::Transaction& tx, std::string_view scope, std::string_view key,
                                                   Timestamp keep_since);
void save_idempotency_key(db::Transaction& tx, std::string_view scope, std::string_view key,
                          const StoredResponse& response, Timestamp now);
struct NewUser {
  Uuid user_id;
  std::string email;
  std::string first_name;
  std::string last_name;
  std::string locale;
  std::string password_hash;
};
void add_user(db::Transaction& tx, const NewUser& user, Timestamp now);
void add_signup(db::Transaction& tx, const Uuid& signup_id, std::string_view tenant_id, const Uuid& user_id,
                Timestamp now);

// Stripe.
struct StripeRow {
  std::string event_id;
  std::string type;
  std::string account;
  std::string tenant_id;  // "": none was found
  std::string state;
  std::string reason;
  Timestamp stated_at{};
};
std::string tenant_of_customer(db::Transaction& tx, std::string_view customer_id);
bool add_stripe_event(db::Transaction& tx, const StripeRow& row, std::string_view body, Timestamp now);  // false: known
bool stripe_event_has_body(db::Transaction& tx, std::string_view event_id, std::string_view body);

// A tenant's own rows.
struct NewClient {
  Uuid client_id;
  std::string name;
  std::string email;
  std::string created_by;
};
bool store_open(db::Transaction& tx, std::string_view tenant_id);  // provisioned, pool mode
void add_client(db::Transaction& tx, std::string_view tenant_id, const NewClient& client, Timestamp now);
std::optional<nlohmann::json> read_client(db::Transaction& tx, std::string_view tenant_id, std::string_view client_id);
struct Page {
  std::vector<std::string> after{};  // a decoded cursor; empty: the first page
  int limit = 50;
};
nlohmann::json list_clients(db::Transaction& tx, std::string_view tenant_id, const Page& page);

struct Metric {
  std::string name;
  std::string unit;
  std::string reset;
  std::string limit_name;  // "": nothing limits it
};
std::vector<Metric> list_metrics(db::Transaction& tx);
// Used in the present period: the month's for metrics that reset, the total for those that do not.
double used_of(db::Transaction& tx, std::string_view tenant_id, const Metric& metric, Timestamp now);

struct UsageFilter {
  std::string metric{};
  std::string span{};
  std::optional<Timestamp> from{};
  std::optional<Timestamp> to{};
};
nlohmann::json list_usage(db::Transaction& tx, std::string_view tenant_id, const UsageFilter& filter);

// The users with these addresses; `tenant_id` "" for any tenant's, else its members alone.
std::map<std::string, std::vector<std::string>, std::less<>> users_by_email(db::Transaction& tx,
                                                                            const std::vector<std::string>& emails,
                                                                            std::string_view tenant_id);
// How many records the log of each has; of those that have any. Sets the transaction to all tenants.
std::map<std::string, std::int64_t> audit_sizes(db::Transaction& tx, const std::vector<std::string>& tenants);
// The leaves of records [from, past) in their order, as far as the log holds them without a gap.
std::vector<std::string> read_leaves(db::Transaction& tx, std::string_view tenant_id, std::uint64_t from,
                                     std::uint64_t past);
nlohmann::json read_billing(db::Transaction& tx, std::string_view tenant_id);

// The super-admins' views.
struct TenantFilter {
  std::string status{};
  std::string words{};
};
nlohmann::json list_tenants(db::Transaction& tx, const TenantFilter& filter, const Page& page);
nlohmann::json tenant_stats(db::Transaction& tx);
std::optional<nlohmann::json> read_tenant(db::Transaction& tx, std::string_view tenant_id);
// Of one that is there already, end and reason are changed.
void place_hold(db::Transaction& tx, std::string_view tenant_id, const HoldRequest& hold);
bool release_hold(db::Transaction& tx, std::string_view tenant_id, std::string_view hold);  // false: there is none
// The end of the tenant's legal hold, where there is one at `now`.
std::optional<Timestamp> legal_hold_end(db::Transaction& tx, std::string_view tenant_id, Timestamp now);
bool clear_provisioning_failure(db::Transaction& tx, std::string_view tenant_id, Timestamp now);
nlohmann::json list_stripe_events(db::Transaction& tx, std::string_view state, const Page& page);
nlohmann::json list_dead_letters(db::Transaction& tx, const messaging::DeadLetterFilter& filter, const Page& page);
std::int64_t count_dead_letters(db::Transaction& tx, const messaging::DeadLetterFilter& filter);
// By worker, type, reason and kind of error, the largest first. Its filter has no ids, shape or times.
nlohmann::json list_dead_letter_groups(db::Transaction& tx, const messaging::DeadLetterFilter& filter, int groups_max);

}  // namespace store
}  // namespace tenantry::gateway
