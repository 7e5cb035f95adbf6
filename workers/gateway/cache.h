// Caches of the loop: what a tenant may do, who a session belongs to, whose domain a host is.
//
// On the loop only. An entry lives for its time to live or until it is dropped
// (tenant_changed), whichever is sooner. What was read before a drop is not kept
// after it: the reader names the generation it started from.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "shared/core/time.h"
#include "shared/tenancy/tenants.h"

namespace tenantry::gateway {

struct Limits {
  std::int64_t users_max = 0;  // -1: unlimited, as in every interface
  std::int64_t storage_bytes_max = 0;
  std::int64_t api_calls_max = 0;
  int requests_per_minute = 0;
};

// A tenant as every request needs it: its row, its plan's limits with its overrides, its calls so far.
struct TenantEntry {
  tenancy::Tenant tenant;
  Limits limits;
  std::vector<std::string> modules;
  std::int64_t price_minor = 0;
  std::string currency;
  double api_calls = 0;  // counted in `month`
  Timestamp month{};
};

struct Session {
  std::string role;  // "": no longer a member
  bool revoked = false;
};

template <class Value>
class TtlCache {
 public:
  explicit TtlCache(Milliseconds time_to_live, std::size_t entries_max = 50'000)
      : time_to_live_(time_to_live), entries_max_(entries_max) {}

  std::optional<Value> find(const std::string& key, Milliseconds now) const {
    const auto at = entries_.find(key);
    if (at == entries_.end() || now - at->second.read_at >= time_to_live_) return std::nullopt;
    return at->second.value;
  }

  void put(const std::string& key, Value value, Milliseconds now, std::uint64_t generation) {
    if (generation != generation_) return;
    if (entries_.size() >= entries_max_ && !entries_.contains(key)) entries_.clear();
    entries_.insert_or_assign(key, Entry{std::move(value), now});
  }

  void drop(const std::string& key) {
    ++generation_;
    entries_.erase(key);
  }

  std::uint64_t generation() const { return generation_; }

 private:
  struct Entry {
    Value value;
    Milliseconds read_at;
  };
  Milliseconds time_to_live_;
  std::size_t entries_max_;
  std::uint64_t generation_ = 0;
  std::unordered_map<std::string, Entry> entries_;
};

// A fanout that is lost (the broker was away) may delay a suspension by this, not more.
constexpr Milliseconds tenant_time_to_live{2'000};
// A member removed, a role lowered, a logout at another gateway: within 5 s (security.md J13).
constexpr Milliseconds session_time_to_live{2'000};
constexpr Milliseconds domain_time_to_live{5'000};

struct Caches {
  TtlCache<std::shared_ptr<const TenantEntry>> tenants{tenant_time_to_live};
  TtlCache<Session> sessions{session_time_to_live};    // by jti
  TtlCache<std::string> domains{domain_time_to_live};  // tenant_id, or "" for nobody's
};

}  // namespace tenantry::gateway
