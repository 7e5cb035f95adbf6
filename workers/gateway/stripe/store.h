// The SQL of Stripe's events and of whose Stripe's objects are. Runs in the caller's
// transaction. Decides nothing.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/bytes.h"
#include "shared/core/time.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::gateway::stripe_store {

constexpr int releases_max = 1000;  // in one transaction; the others come due

struct Row {
  std::string event_id;
  std::string type;
  std::string account;
  std::string tenant_id;  // "": none was found
  std::string state;
  std::string reason{};
  std::string detail{};
  Timestamp stated_at{};
  std::vector<std::string> object_ids{};
};
bool add(db::Transaction& tx, const Row& row, std::string_view body, Timestamp now);  // false: known

struct Body {
  std::string body;  // "": taken away, by age or by an erasure
  Bytes hash;
};
std::optional<Body> find_body(db::Transaction& tx, std::string_view event_id);
Bytes hash_of(std::string_view body);

// Until the transaction ends nobody else learns or asks whose these are: of two events that share an object and come
// at once, the second sees what the first has left.
void lock_objects(db::Transaction& tx, const std::vector<std::string>& object_ids);

// The first that lives, not deleted, of the tenants that are named, then of those whose the objects are, in their
// order; "" where there is none.
std::string find_owner(db::Transaction& tx, std::initializer_list<std::string_view> named,
                       const std::vector<std::string>& object_ids);

// What came while nobody knew whose it is.
struct Unplaced {
  std::string event_id;
  std::string type;
  std::string body;
  bool parked;  // else no rule reads it, and it can only teach
};
// From now on these are the tenant's, but for those that are another's that lives. What waited for want of knowing
// that, locked; beyond `at_most` it is said to be due.
std::vector<Unplaced> learn(db::Transaction& tx, std::string_view tenant_id, const std::vector<std::string>& object_ids,
                            int at_most, Timestamp now);

// What is due, and what was of the future and is not any more; the oldest first, locked, but for what others hold.
std::vector<Unplaced> take_due(db::Transaction& tx, Timestamp future_from, int at_most);
void wait_for(db::Transaction& tx, std::string_view event_id, std::string_view reason);  // "": for whoever knows it

struct Stored {
  std::string state;
  std::string body;
};
std::optional<Stored> lock(db::Transaction& tx, std::string_view event_id);  // FOR UPDATE

void own(db::Transaction& tx, std::string_view event_id, std::string_view tenant_id);  // and nothing is told

void release(db::Transaction& tx, std::string_view event_id, std::string_view tenant_id, std::string_view by,
             Timestamp now);

void drop(db::Transaction& tx, std::string_view event_id, std::string_view by, Timestamp now);

}  // namespace tenantry::gateway::stripe_store
