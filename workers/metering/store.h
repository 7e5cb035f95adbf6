// The metering worker's SQL. Every function takes the whole batch.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "workers/metering/counting.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::metering {

Metrics load_metrics(db::Transaction& tx);

// Leaves out those whose idempotency key has counted before, in an earlier batch or
// in this one; and, for unique metrics, keeps those whose member is new in a window.
std::vector<Usage> claim_keys(db::Transaction& tx, std::vector<Usage> batch, Timestamp now);

struct Counter {
  std::string tenant_id;
  std::string metric;
  std::string span;  // month or total: the window a limit looks at
  Timestamp window_start;
  double quantity = 0;
  bool first = false;  // the window began with this batch
};

// Adds the batch to its windows; returns those a limit or a period looks at.
std::vector<Counter> add(db::Transaction& tx, const std::vector<Usage>& batch, Timestamp now);

// By tenant and limit name; -1 is unlimited. Overrides of the tenant win over its plan.
using Limits = std::map<std::pair<std::string, std::string>, double>;
Limits load_limits(db::Transaction& tx, const std::vector<std::string>& tenants, Timestamp now);

struct Crossing {
  std::string tenant_id;
  std::string metric;
  Timestamp period_start;
  int percent = 0;
  bool operator==(const Crossing&) const = default;
};

// Those of them that are new: each crossing counts once per period.
std::vector<Crossing> claim_crossings(db::Transaction& tx, const std::vector<Crossing>& crossings, Timestamp now);

}  // namespace tenantry::metering
