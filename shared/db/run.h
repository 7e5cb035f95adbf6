// The transaction runner: reruns what was rolled back, never what is in doubt.
//
// The function gets a fresh transaction each time and must have no effect but
// through it. A deadlock or serialization failure is rerun at once with jitter;
// a lost connection is rerun while `deadline` allows; a commit of unknown outcome
// is looked up (pg_xact_status) or, where the caller says that its own key makes a
// second run harmless (inbox, idempotency key), simply rerun.
#pragma once

#include <functional>

#include "shared/core/result.h"
#include "shared/db/connection.h"

namespace tenantry::db {

enum class InDoubtCommit {
  rerun,   // the transaction finds its own key and answers "already done"
  lookup,  // ask the server whether the transaction committed; costs a round trip per run
};

struct RunOptions {
  InDoubtCommit in_doubt = InDoubtCommit::lookup;
  Milliseconds deadline{5'000};  // for lost connections: how long to try
  int reruns_max = 10;           // for deadlocks and serialization failures
};

// Errors: unavailable (database away, or outcome unknown at the deadline), conflict
// (reruns used up). The function's own Error rolls back and is returned as it is.
// StatementErrors that a rerun cannot cure are thrown on.
Result<void> run(Connection& connection, const RunOptions& options,
                 const std::function<Result<void>(Transaction&)>& work);

}  // namespace tenantry::db
