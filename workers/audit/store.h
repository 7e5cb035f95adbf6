// The audit worker's SQL: heads locked, records appended through the only way in.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "shared/audit_tree/tree.h"
#include "workers/audit/record.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::audit {

struct Head {
  Frontier frontier;
  Timestamp recorded_at{};  // of the last record: none is recorded before it
  bool key_known = false;   // the tenant has a key, or had one
  Bytes wrapped_key;        // empty: none yet, or destroyed
};
using Heads = std::map<std::string, Head>;  // by tenant

// The heads of these tenants, locked in tenant order until the transaction ends.
Heads lock_heads(db::Transaction& tx, const std::vector<std::string>& tenants);

struct NewKey {
  std::string key_id, tenant_id;
  Bytes wrapped;
};
// Under the lock of their tenants' heads.
void add_keys(db::Transaction& tx, const std::vector<NewKey>& keys);

// Keys there are or were, wrapped, by id: empty where destroyed.
std::map<std::string, Bytes> find_keys(db::Transaction& tx, const std::vector<std::string>& key_ids);

struct Leaf {
  AuditRecord record;
  std::string bytes;
  Hash hash;
};

// A node that a batch completes, at a kept level.
struct TenantNode {
  std::string tenant_id;
  Node node;
};

// All records of a batch, the nodes they complete, and the heads after them.
void append(db::Transaction& tx, const std::vector<Leaf>& leaves, const Heads& heads,
            const std::vector<TenantNode>& nodes);

}  // namespace tenantry::audit
