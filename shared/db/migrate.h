// Forward-only migrations: numbered SQL files, each applied once, in order, under
// an advisory lock, with a checksum kept so that an edited old file is refused.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "shared/core/result.h"
#include "shared/db/session.h"

namespace tenantry::db {

struct Migration {
  int number = 0;
  std::string name;  // file name
  std::string sql;
  std::string checksum;  // SHA-256 of sql, hex
};

// Of the files embedded in this build (migrations/NNNN_words.sql); numbers without gaps from 1.
Result<std::vector<Migration>> embedded_migrations();

struct MigrationStatus {
  Migration migration;
  bool applied = false;
};
Result<std::vector<MigrationStatus>> migration_status(Session& session, const std::vector<Migration>& migrations);

// Applies what is missing; `applied` hears of each. Refuses (conflict) when an
// applied file changed or is unknown to us.
Result<int> migrate(Session& session, const std::vector<Migration>& migrations,
                    const std::function<void(const Migration&)>& applied);

}  // namespace tenantry::db
