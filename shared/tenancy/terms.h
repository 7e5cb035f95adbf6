// Terms: what a tenant has apart from its status, its plan and its trial's end.
//
// In the caller's transaction each locks the tenant's row, writes it, and puts into
// the outbox the event that says so, the signal that caches are stale, and the timers
// that move with it.
#pragma once

#include <string>

#include "shared/core/result.h"
#include "shared/tenancy/transition.h"

namespace tenantry::tenancy {

struct PlanChange {
  std::string tenant_id;
  std::string plan;
  int version = 0;       // must exist
  std::string reason{};  // "stripe_price", "admin", ...
};

// False: the tenant has it, or is deleted. Errors: not_found.
Result<bool> change_plan(db::Transaction& tx, messaging::Outbox& outbox, const PlanChange& change, Timestamp now);

// Of a trial, or of a tenant that is suspended because it was over, which goes on with it. False: it ends then, or
// the tenant is in no trial. Errors: not_found.
Result<bool> move_trial_end(db::Transaction& tx, messaging::Outbox& outbox, const std::string& tenant_id,
                            Timestamp ends_at, Timestamp now, const LifecyclePolicy& policy = {});

// The timers of a trial that ends then, replacing those there are.
void set_trial_timers(messaging::Outbox& outbox, const std::string& tenant_id, Timestamp ends_at,
                      const LifecyclePolicy& policy);

}  // namespace tenantry::tenancy
