// The audit worker's SQL: heads locked, records appended through the only way in.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "workers/audit/record.h"
#include "workers/audit/tree.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::audit {

struct Head {
  Frontier frontier;
  Timestamp recorded_at{};  // of the last record: none is recorded before it
};
using Heads = std::map<std::string, Head>;  // by tenant

// The heads of these tenants, locked in tenant order until the transaction ends.
Heads lock_heads(db::Transaction& tx, const std::vector<std::string>& tenants);

struct Leaf {
  AuditRecord record;
  std::string bytes;
  Hash hash;
};

// All records of a batch, and the heads after them.
void append(db::Transaction& tx, const std::vector<Leaf>& leaves, const Heads& heads);

}  // namespace tenantry::audit
