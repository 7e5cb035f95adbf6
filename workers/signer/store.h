// The signer's SQL: heads and published checkpoints to read, checkpoints to write.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "shared/audit_tree/checkpoint_store.h"
#include "shared/audit_tree/log_walk.h"
#include "shared/core/time.h"

namespace tenantry::signer {

using StoredHeads = std::map<std::string, audit::StoredHead>;  // by tenant; logs with a record
StoredHeads read_heads(db::Transaction& tx);

std::vector<audit::StoredCheckpoint> read_latest(db::Transaction& tx);  // of each tenant

// What is there already stays as it is.
void publish(db::Transaction& tx, const std::vector<audit::StoredCheckpoint>& checkpoints, Timestamp signed_at);

}  // namespace tenantry::signer
