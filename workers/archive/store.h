// The archive's SQL, as the owner: what is due, the records to write, and letting a month
// go. Functions run in the caller's transaction and throw what shared/db throws.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shared/core/time.h"
#include "workers/archive/verify.h"

namespace tenantry::db {
class Connection;
class Transaction;
}  // namespace tenantry::db

namespace tenantry::archive {

// A log's records in one month.
struct LogOfMonth {
  std::string tenant_id;
  std::uint64_t first = 0, count = 0;
  int retention_months = 0;
  Timestamp kept_until{};
  std::optional<Timestamp> held_until{};  // by a legal hold that has not ended
  std::string hold_reason{};
};

std::vector<std::string> kept_months(db::Transaction& tx);  // in the database, YYYY-MM, oldest first
std::vector<LogOfMonth> logs_of_month(db::Transaction& tx, const std::string& month, Timestamp at, int others_months);
bool is_archived(db::Transaction& tx, const std::string& month);

// Leaves of [first, past), as far as they are there without a gap.
std::vector<std::string> read_leaves(db::Transaction& tx, const std::string& tenant_id, std::uint64_t first,
                                     std::uint64_t past);

// Compares the verified files with the month once more, under lock, and drops it. StatementError (55000, 22000) says
// why it stays; 55P03: a reader has kept the lock for too long, and again may do.
void archive_month(db::Transaction& tx, const ArchivedMonth& month, Timestamp at, int others_months);

// One archiver at a time; false: another one is at work. Until the connection ends.
bool lock_archiving(db::Connection& connection);

}  // namespace tenantry::archive
