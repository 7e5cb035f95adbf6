// verify_log: a live log read whole and held against every checkpoint that was published
// and, where given, against what the signer's own file says it signed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "shared/audit_tree/log_walk.h"
#include "shared/audit_tree/note.h"

namespace tenantry::audit {

struct LogExpectation {
  std::string origin;
  std::vector<NoteKey> keys;              // of that origin
  std::optional<Frontier> signed_head{};  // of the signer's state
};

struct LogVerdict {
  std::uint64_t records = 0;      // that hold
  std::uint64_t archived = 0;     // of these: their leaf hashes alone are there
  std::uint64_t checkpoints = 0;  // that hold
  std::uint64_t signed_size = 0;  // records above it are under no checkpoint yet
  std::optional<Finding> finding{};
};

// Stops at the first finding. `progress` hears of records read, now and then.
LogVerdict verify_log(db::Transaction& tx, const std::string& tenant_id, const LogExpectation& expectation,
                      const std::function<void(std::uint64_t)>& progress);

}  // namespace tenantry::audit
