#include "shared/audit_tree/archived_leaves.h"

#include <algorithm>

#include "shared/db/connection.h"

namespace tenantry::audit {
namespace {

constexpr std::uint64_t row_hashes_max = 256;  // rows cross no multiple of it

}  // namespace

std::optional<ArchivedStretch> read_archived_stretch(db::Transaction& tx, const std::string& tenant_id,
                                                     std::uint64_t sequence) {
  const auto rows = tx.exec(
      "SELECT to_char(month, 'YYYY-MM'), first_sequence, first_sequence + records FROM audit.archives "
      "WHERE tenant_id = $1 AND first_sequence <= $2 ORDER BY first_sequence DESC LIMIT 1",
      {tenant_id, static_cast<std::int64_t>(sequence)});
  if (rows.empty()) return {};
  const auto past = static_cast<std::uint64_t>(rows[0].int64(2));
  if (past <= sequence) return {};
  return ArchivedStretch{std::string(rows[0].text(0)), static_cast<std::uint64_t>(rows[0].int64(1)), past};
}

std::uint64_t first_kept(db::Transaction& tx, const std::string& tenant_id) {
  const auto rows = tx.exec(
      "SELECT coalesce(max(first_sequence + records), 0) FROM audit.archives WHERE tenant_id = $1", {tenant_id});
  return static_cast<std::uint64_t>(rows[0].int64(0));
}

std::vector<Hash> read_archived_leaves(db::Transaction& tx, const std::string& tenant_id, std::uint64_t first,
                                       std::uint64_t past) {
  std::vector<Hash> out;
  const auto from = first - first % row_hashes_max;
  for (const auto row :
       tx.exec("SELECT first_sequence, hashes FROM audit.archived_leaves WHERE tenant_id = $1 AND first_sequence >= $2 "
               "AND first_sequence < $3 ORDER BY first_sequence",
               {tenant_id, static_cast<std::int64_t>(from), static_cast<std::int64_t>(past)})) {
    const auto begin = static_cast<std::uint64_t>(row.int64(0));
    const auto bytes = row.bytes(1);
    const auto end = std::min(past, begin + bytes.size() / sizeof(Hash));
    const auto next = first + out.size();
    if (begin > next) break;
    for (auto at = next; at < end; ++at) {
      Hash hash;
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>((at - begin) * sizeof(Hash)), sizeof(Hash), hash.begin());
      out.push_back(hash);
    }
  }
  return out;
}

}  // namespace tenantry::audit
