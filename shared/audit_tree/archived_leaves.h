// What is left of archived records: which stretch of a log they were, and their leaf
// hashes, which are level 0 of its tree where the records are gone.
//
// A row of audit.archives says that records left; audit.archived_leaves counts for nothing
// without one. Reads under the transaction's own rights; throws what shared/db throws.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shared/audit_tree/tree.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::audit {

struct ArchivedStretch {
  std::string month;  // YYYY-MM
  std::uint64_t first = 0;
  std::uint64_t past = 0;
};

// The stretch that held this record.
std::optional<ArchivedStretch> read_archived_stretch(db::Transaction& tx, const std::string& tenant_id,
                                                     std::uint64_t sequence);

// The first record that is not archived: 0 where none is.
std::uint64_t first_kept(db::Transaction& tx, const std::string& tenant_id);

// Hashes of [first, past), in their order; fewer where one is not there or is malformed.
std::vector<Hash> read_archived_leaves(db::Transaction& tx, const std::string& tenant_id, std::uint64_t first,
                                       std::uint64_t past);

}  // namespace tenantry::audit
