// Audit: every event of every tenant becomes a record of its append-only log.
//
// A batch costs two statements: the heads of its tenants are locked, the records
// appended with their hashes and the heads moved on. Sequences are gapless because the
// head's lock is held to the commit.
#pragma once

#include "shared/messaging/worker.h"
#include "shared/service/entry.h"
#include "workers/audit/config.h"

namespace tenantry::audit {

messaging::WorkerSpec worker_spec(const AuditConfig& config);
service::Entry entry();

}  // namespace tenantry::audit
