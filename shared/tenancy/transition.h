// transition(): the only code that writes platform.tenants.status.
//
// In the caller's transaction it locks the tenant's row, asks the lifecycle table,
// writes the status and its history, and puts into the outbox: the one event of the
// transition, the signal that caches of this tenant are stale, and the timers that
// the new status needs (trial ending and ended; deletion), cancelling those it ends.
#pragma once

#include <optional>
#include <string>

#include "events/envelope.h"
#include "shared/core/result.h"
#include "shared/tenancy/because.h"
#include "shared/tenancy/lifecycle.h"

namespace tenantry::db {
class Transaction;
}
namespace tenantry::messaging {
class Outbox;
}

namespace tenantry::tenancy {

struct TransitionRequest {
  std::string tenant_id;
  Trigger trigger;
  std::string reason{};  // "payment", "requested_by_tenant", "admin", "abuse", ...
  std::string note{};    // an admin's words
  Because because{};
};

struct LifecyclePolicy {
  Days trial_reminder{3};  // before the end
  Days grace{30};          // where neither the tenant nor its plan says another
};

struct Transition {
  Status from;
  Status to;
  bool changed = false;  // false: the trigger has no effect in this status
};

// The outbox's origin (source, actor, cause) is the caller's. Errors: not_found; invalid
// "/reason" where an admin suspends for a reason that is the platform's own.
Result<Transition> transition(db::Transaction& tx, messaging::Outbox& outbox, const TransitionRequest& request,
                              Timestamp now, const LifecyclePolicy& policy = {});

}  // namespace tenantry::tenancy
