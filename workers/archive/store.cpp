#include "workers/archive/store.h"

#include "shared/db/connection.h"

namespace tenantry::archive {

std::vector<std::string> kept_months(db::Transaction& tx) {
  std::vector<std::string> out;
  for (const auto row : tx.exec("SELECT to_char(month, 'YYYY-MM') FROM audit.kept_months()")) {
    out.emplace_back(row.text(0));
  }
  return out;
}

std::vector<LogOfMonth> logs_of_month(db::Transaction& tx, const std::string& month, Timestamp at, int others_months) {
  std::vector<LogOfMonth> out;
  for (const auto row :
       tx.exec("SELECT tenant_id, first_sequence, records, retention_months, kept_until, held_until, hold_reason FROM "
               "audit.logs_of_month(to_date($1, 'YYYY-MM'), $2, $3)",
               {month, at, others_months})) {
    out.push_back({.tenant_id = std::string(row.text(0)),
                   .first = static_cast<std::uint64_t>(row.int64(1)),
                   .count = static_cast<std::uint64_t>(row.int64(2)),
                   .retention_months = static_cast<int>(row.int64(3)),
                   .kept_until = row.timestamp(4),
                   .held_until = row.optional_timestamp(5),
                   .hold_reason = std::string(row.text(6))});
  }
  return out;
}

bool is_archived(db::Transaction& tx, const std::string& month) {
  return tx.exec("SELECT EXISTS (SELECT FROM audit.archives WHERE month = to_date($1, 'YYYY-MM'))", {month})[0].boolean(
      0);
}

std::vector<std::string> read_leaves(db::Transaction& tx, const std::string& tenant_id, std::uint64_t first,
                                     std::uint64_t past) {
  std::vector<std::string> out;
  for (const auto row :
       tx.exec("SELECT sequence, leaf FROM audit.records WHERE tenant_id = $1 AND sequence >= $2 AND sequence < $3 "
               "ORDER BY sequence LIMIT $4",
               {tenant_id, static_cast<std::int64_t>(first), static_cast<std::int64_t>(past),
                static_cast<std::int64_t>(past - first)})) {
    if (row.int64(0) != static_cast<std::int64_t>(first + out.size())) break;
    out.emplace_back(as_text(row.bytes(1)));
  }
  return out;
}

void archive_month(db::Transaction& tx, const ArchivedMonth& month, Timestamp at, int others_months) {
  std::vector<std::string_view> tenants;
  std::vector<std::int64_t> firsts, counts;
  std::vector<ByteView> leaf_digests, file_digests;
  for (std::size_t i = 0; i < month.files.size(); ++i) {
    const auto& log = month.manifest.logs[i];
    tenants.push_back(log.tenant_id);
    firsts.push_back(static_cast<std::int64_t>(log.first));
    counts.push_back(static_cast<std::int64_t>(log.count));
    leaf_digests.emplace_back(month.files[i].leaves_sha256);
    file_digests.emplace_back(month.files[i].sha256);
  }
  tx.exec("SET LOCAL lock_timeout = '2s'");  // whoever reads or writes the log waits behind us
  tx.exec("SELECT audit.archive_month(to_date($1, 'YYYY-MM'), $2, $3, $4, $5, $6, $7, $8, $9)",
          {month.manifest.month, at, others_months, db::Param::array(tenants), db::Param::array(firsts),
           db::Param::array(counts), db::Param::array(leaf_digests), db::Param::array(file_digests),
           ByteView(month.sha256)});
}

bool lock_archiving(db::Connection& connection) {
  try {
    db::Transaction tx(connection);
    tx.exec("SET LOCAL lock_timeout = '5s'");  // a process that has just ended lets go in a moment
    tx.exec("SELECT pg_advisory_lock(hashtext('tenantry audit archive'))");
    tx.commit();
    return true;
  } catch (const db::StatementError& error) {
    if (error.sqlstate != "55P03") throw;
    return false;
  }
}

}  // namespace tenantry::archive
