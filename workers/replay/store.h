// Replay's SQL: recorded events out of the audit log, and the live state they are held against. Reads only; what it
// works with lies in temporary tables of its transaction.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "workers/metering/counting.h"
#include "workers/replay/lifecycle_fold.h"
#include "workers/replay/recording.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::audit {
class LeafKeys;
}

namespace tenantry::events::v1 {
class SignupRequested;
}

namespace tenantry::replay {

struct EventFilter {
  std::string tenant_id{};  // "": all
  std::string type{};       // '*' stands for anything; "": all
  std::optional<Timestamp> since{};
  std::optional<Timestamp> until{};
};

bool matches(const EventFilter& filter, const events::Event& event);

// Events as the audit log has them, in the order it took them; per tenant that is its sequence. `visit` says whether to
// go on. Records of those who are erased are left out. An unreadable leaf is an error that names tenant and sequence.
Result<void> read_events(db::Transaction& tx, audit::LeafKeys& keys, const EventFilter& filter,
                         const std::function<Result<void>(Recorded&&)>& visit);
std::int64_t count_events(db::Transaction& tx, const EventFilter& filter);

// The instant before which records are archived, and so not among these, of this tenant or, for "", of any.
std::optional<Timestamp> archived_before(db::Transaction& tx, const std::string& tenant_id);

// From here on the transaction sees one moment, whatever commits meanwhile.
void freeze(db::Transaction& tx);

// Without those who are erased.
std::map<std::string, Lifecycle> live_lifecycles(db::Transaction& tx, const std::string& tenant_id);

// Events of the outbox that are due: until they are published and handled, log and state may differ.
std::int64_t count_unpublished(db::Transaction& tx, const std::string& tenant_id, Timestamp now);

// ---- for a Platform, in a database of its own

// A PENDING tenant under the id it once got; tenancy::create_tenant would choose one.
Result<void> add_tenant(db::Transaction& tx, const std::string& tenant_id, const events::v1::SignupRequested& request,
                        Timestamp at);
// What signup leaves of a tenant that is registered: the tenant, were it not there yet, and its owner.
Result<void> add_owned_tenant(db::Transaction& tx, const events::Event& registered, const Uuid& user_id);
void set_plan(db::Transaction& tx, const std::string& tenant_id, const std::string& plan);  // its newest version
// Leases run by the database's own clock, which does not follow the platform's.
void forget_leases(db::Transaction& tx);
std::optional<Timestamp> next_due(db::Transaction& tx);

// Where everything stands, for those who played into it.
struct SetAside {
  std::string worker, tenant_id, type, reason, error;
};
struct Outcome {
  std::map<std::string, Lifecycle> lifecycles;
  std::vector<SetAside> dead_letters;  // the oldest first
};
Outcome outcome_of(db::Transaction& tx);
std::string usage_of(db::Transaction& tx, const std::string& tenant_id, const std::string& metric,
                     const std::string& span);  // of all its windows together, as a decimal; "" without any

// Usage, recounted: staged in the temporary table, then held against metering.counters window by window.
class Recount {
 public:
  explicit Recount(db::Transaction& tx);
  void add(const std::vector<metering::Usage>& batch);
  // Those that metering has set aside, and of each idempotency key all but the event that counted, are left out; so are
  // hours that housekeeping has removed by `now`, or is about to.
  std::vector<Difference> compare(const std::string& tenant_id, Timestamp now);
  std::int64_t set_aside() const { return set_aside_; }

 private:
  db::Transaction& tx_;
  std::int64_t set_aside_ = 0;
};

}  // namespace tenantry::replay
