// Caches of the loop: whose a token is, what a tenant may do, who a member is.
//
// On the loop only, each with a bound. What was read from the database lives for its
// time to live or until it is dropped (tenant_changed), whichever is sooner; loads.h sees
// to it that what was read before a drop is not kept after it. A verified token lives
// until its keys change; whether it has expired or was revoked is asked on every request.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "shared/core/time.h"
#include "shared/crypto/hash.h"
#include "shared/crypto/jwt.h"
#include "shared/tenancy/limits.h"
#include "shared/tenancy/tenants.h"

namespace tenantry::broker_admin {
struct ProcessPage;
struct QueuePage;
}  // namespace tenantry::broker_admin

namespace tenantry::gateway {

// What the edge itself counts; everything else about limits is the catalogue's.
constexpr std::string_view rate_limit = "requests_per_minute";
constexpr std::string_view calls_metric = "api_calls";

// A tenant as every request needs it: its row, its plan's limits with its overrides, its calls so far.
struct TenantEntry {
  tenancy::Tenant tenant;
  tenancy::Limits limits;
  std::vector<std::string> modules;
  std::vector<std::string> flags;               // that are on
  std::map<std::string, std::string> settings;  // that are not as they come
  std::int64_t price_minor = 0;
  std::string currency;
  double api_calls = 0;  // counted in `month`
  Timestamp month{};
};

struct Chart;
struct Reference;
struct Standing;
namespace store {
struct AdminSession;
}

// What is decided by about a session or a key in its tenant, for as long as all it was made from is the same. On the
// loop only.
struct Judged {
  std::shared_ptr<const TenantEntry> tenant;
  std::shared_ptr<const Reference> reference;
  std::shared_ptr<const Standing> standing;  // null: nothing was made yet
  std::int64_t requests_per_minute = 0;
  std::int64_t calls_per_month = 0;
};

// A session and its person within the tenant, as the database has them.
struct Session {
  std::string tenant_id;
  std::string role;                      // "": no longer a member
  std::vector<std::string> permissions;  // of a role of the tenant's own
  bool revoked = false;
  bool acting = false;           // a super-admin inside the tenant
  bool writes = false;           // who may change things there
  Timestamp authenticated_at{};  // when a password was last shown
  std::string second_factor;     // that was shown with it; "": none
  std::string email;
  bool email_verified = false;
  std::string locale;  // the person's
  std::string first_name;
  std::string last_name;
  std::vector<std::string> tenants;  // all of theirs
  std::vector<std::string> roles;    // in each of them

  // The answer of /v1/me for as long as all it was made from is the same. On the loop only.
  struct Rendered {
    std::shared_ptr<const TenantEntry> tenant;
    std::shared_ptr<const Reference> reference;
    std::string body;
  };
  mutable Rendered me;
  mutable Judged judged;
};

// A key of a tenant as the database has it, by one of its secrets.
struct ApiKeyEntry {
  std::string key_id;
  std::string tenant_id;
  crypto::Digest secret_hash{};
  std::vector<std::string> permissions;
  std::vector<std::string> networks;                  // it may come from; none: from anywhere
  std::optional<Timestamp> ends_at{};                 // of this secret
  std::optional<std::int64_t> requests_per_minute{};  // of its own, beside its tenant's
  // Why it opens nothing, for the tenant's log alone: who shows it is told no more than that. "": it does.
  std::string refused;

  mutable Judged judged;
};

// What the console's cookie stands for, as the database has it: a person's session in a tenant, or a super-admin's,
// who has logged in or came by a token.
struct CookieEntry {
  std::shared_ptr<const crypto::Claims> claims{};              // in a tenant: a member's, or of a super-admin's visit
  std::shared_ptr<const store::AdminSession> admin_session{};  // of who has logged in
  std::string admin;                                           // which token let them in, by its name
  crypto::Digest credential{};                                 // of that token
  std::string person;                                          // the name they gave for the record
  Timestamp ends_at{};
};

// At most `entries_max`, in two generations: when the young one is full it becomes the old one,
// and what was not asked for since then is gone.
template <class Key, class Value, class Hash = std::hash<Key>>
class BoundedMap {
 public:
  explicit BoundedMap(std::size_t entries_max) : half_(entries_max / 2) {}

  Value* find(const Key& key) {
    if (const auto at = young_.find(key); at != young_.end()) return &at->second;
    auto found = old_.extract(key);
    if (found.empty()) return nullptr;
    make_room();
    return &young_.insert(std::move(found)).position->second;
  }

  void put(const Key& key, Value value) {
    old_.erase(key);
    if (!young_.contains(key)) make_room();
    young_.insert_or_assign(key, std::move(value));
  }

  void erase(const Key& key) {
    young_.erase(key);
    old_.erase(key);
  }

  void clear() {
    young_.clear();
    old_.clear();
  }

  std::size_t size() const { return young_.size() + old_.size(); }

 private:
  void make_room() {
    if (young_.size() < half_) return;
    old_ = std::move(young_);
    young_.clear();
  }

  std::size_t half_;
  std::unordered_map<Key, Value, Hash> young_;
  std::unordered_map<Key, Value, Hash> old_;
};

template <class Value, class Key = std::string, class Hash = std::hash<Key>>
class TtlCache {
 public:
  explicit TtlCache(Milliseconds time_to_live, std::size_t entries_max = 50'000)
      : time_to_live_(time_to_live), entries_(entries_max) {}

  struct Found {
    const Value* value = nullptr;  // null: read it; valid until the next call
    bool ages = false;             // over half of its life is gone: time to read it again
    Milliseconds read_at{};
  };
  Found find(const Key& key, Milliseconds now) {
    const auto* const entry = entries_.find(key);
    if (entry == nullptr || now - entry->read_at >= time_to_live_) return {};
    return {&entry->value, now - entry->read_at >= time_to_live_ / 2, entry->read_at};
  }

  void put(const Key& key, Value value, Milliseconds now) { entries_.put(key, Entry{std::move(value), now}); }
  void drop(const Key& key) { entries_.erase(key); }
  void clear() { entries_.clear(); }

 private:
  struct Entry {
    Value value;
    Milliseconds read_at;
  };
  Milliseconds time_to_live_;
  BoundedMap<Key, Entry, Hash> entries_;
};

// A fanout that is lost (the broker was away) may delay a suspension by this, not more.
constexpr Milliseconds tenant_time_to_live{2'000};
// A member removed, a role lowered, a logout at another gateway: within 5 s (security.md J13).
constexpr Milliseconds session_time_to_live{2'000};

// Of a whole token, signature and all, or of a whole key.
using TokenName = crypto::LookupHash::Value;
struct TokenHash {
  std::size_t operator()(const TokenName& hash) const {
    std::size_t value = 0;
    std::memcpy(&value, hash.data(), sizeof value);
    return value;
  }
};

struct Caches {
  // Tokens whose signature and claims were found good with the present keys, and why others were not.
  BoundedMap<TokenName, std::shared_ptr<const crypto::Claims>, TokenHash> tokens{50'000};
  TtlCache<Error, TokenName, TokenHash> tokens_refused{Milliseconds{60'000}, 20'000};
  crypto::LookupHash token_hash;
  TtlCache<std::shared_ptr<const TenantEntry>> tenants{tenant_time_to_live};
  TtlCache<std::shared_ptr<const Session>> sessions{session_time_to_live};  // by sid
  // Keys that open something, and those that open nothing (which none of them will do later); by the hash of the whole.
  TtlCache<std::shared_ptr<const ApiKeyEntry>, TokenName, TokenHash> api_keys{session_time_to_live};
  TtlCache<bool, TokenName, TokenHash> api_keys_refused{Milliseconds{60'000}, 20'000};
  TtlCache<bool, TokenName, TokenHash> api_keys_good{Milliseconds{3'600'000},
                                                     20'000};  // once: to look such a one up again is no guess
  // What cookies stand for, by their hashes; null: nothing. Whether a member's session goes on is asked above.
  TtlCache<std::shared_ptr<const CookieEntry>> cookies{session_time_to_live};
  // Charts as they are answered (api/analytics), by what they are of; up to some 20 MB together.
  TtlCache<std::shared_ptr<const Chart>> charts{Milliseconds{300'000}, 128};
  // The broker's queues, by what of them was asked for: every look costs it a pass over all of them.
  TtlCache<std::shared_ptr<const broker_admin::QueuePage>> queues{Milliseconds{10'000}, 32};
  TtlCache<std::shared_ptr<const broker_admin::ProcessPage>> processes{Milliseconds{10'000},
                                                                       1};  // who is connected to the broker
  // When each tenant was last said to have changed: sessions read before are not good any more. As long as they live.
  TtlCache<Milliseconds> changes{session_time_to_live};
};

}  // namespace tenantry::gateway
