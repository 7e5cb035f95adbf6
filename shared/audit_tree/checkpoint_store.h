// Checkpoints as audit.checkpoints holds them, under the transaction's own rights. A row
// counts for nothing: its note's signature does.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "shared/audit_tree/note.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::audit {

struct StoredCheckpoint {
  std::string tenant_id;
  std::uint64_t size = 0;
  Bytes root;
  std::string note;
};

std::optional<StoredCheckpoint> read_latest_checkpoint(db::Transaction& tx, const std::string& tenant_id);

// Those of sizes above `above` and up to `through`, smallest first.
std::vector<StoredCheckpoint> read_checkpoints(db::Transaction& tx, const std::string& tenant_id, std::uint64_t above,
                                               std::uint64_t through);

// The checkpoint that the row's note states, signed by one of `keys`, for this log, size and root. Errc::refused or
// invalid says what is wrong.
Result<Checkpoint> verified(const StoredCheckpoint& stored, const std::string& origin, std::span<const NoteKey> keys);

}  // namespace tenantry::audit
