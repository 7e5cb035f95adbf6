#include "shared/audit_tree/node_store.h"

#include "shared/audit_tree/archived_leaves.h"
#include "shared/db/connection.h"

namespace tenantry::audit {

std::vector<Hash> PostgresNodes::read(const NodeRange& range) {
  const auto first = static_cast<std::int64_t>(range.first);
  const auto past = static_cast<std::int64_t>(range.first + range.count);
  // The planner does not know that a range of sequences is short: with the limit it takes the key in each partition.
  const auto rows =
      range.level == 0
          ? tx_.exec(
                "SELECT leaf_hash, sequence FROM audit.records WHERE tenant_id = $1 AND sequence >= $2 AND "
                "sequence < $3 ORDER BY sequence LIMIT $4",
                {tenant_id_, first, past, static_cast<std::int64_t>(range.count)})
          : tx_.exec(
                "SELECT hash, index FROM audit.nodes WHERE tenant_id = $1 AND level = $2 AND index >= $3 AND "
                "index < $4 ORDER BY index",
                {tenant_id_, range.level, first, past});
  std::vector<Hash> out;
  // What is archived comes before what is there. Records are asked for first: who reads the other way round could find
  // the hashes not yet there and then the records gone.
  if (range.level == 0 && (rows.empty() || rows[0].int64(1) > first)) {
    const auto kept = rows.empty() ? range.first + range.count : static_cast<std::uint64_t>(rows[0].int64(1));
    out = read_archived_leaves(tx_, tenant_id_, range.first, kept);
  }
  for (const auto row : rows) {
    const auto hash = to_hash(row.bytes(0));
    // A gap, or what is no hash: what comes after it is not at its place.
    if (!hash || row.int64(1) != first + static_cast<std::int64_t>(out.size())) break;
    out.push_back(*hash);
  }
  return out;
}

}  // namespace tenantry::audit
