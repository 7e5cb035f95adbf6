// Terms: what a tenant has apart from its status, its plan and its trial's end.
//
// In the caller's transaction each locks the tenant's row, writes it, and puts into
// the outbox the event that says so, the signal that caches are stale, and the timers
// that move with it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/core/result.h"
#include "shared/tenancy/transition.h"

namespace tenantry::tenancy {

struct PlanChange {
  std::string tenant_id;
  std::string plan;
  int version = 0;       // must exist
  std::string reason{};  // "stripe_price", "admin", ...
  Because because{};
};

// With a plan that costs nothing whoever is suspended for want of a payment is active again; an admin's suspension
// stays. False: the tenant has it, or is deleted. Errors: not_found.
Result<bool> change_plan(db::Transaction& tx, messaging::Outbox& outbox, const PlanChange& change, Timestamp now);

// A plan that somebody asks for, whatever Stripe's price says: that counts again when it
// changes. What costs less waits for the end of what is paid for, where something is, and
// comes only if what is used fits.
struct PlanWish {
  std::string tenant_id;
  std::string plan;      // its newest version
  std::string asked_by;  // tenant, admin
  std::string reason{};
  bool at_once = false;  // what costs less, too
};
struct PlanOutcome {
  std::string plan;
  std::optional<Timestamp> due_at{};  // empty: in force
  bool changed = false;               // false: it was so before
};
// Asked for the plan it has, a change that waits is withdrawn. Errors: not_found; invalid "/plan" "unknown_plan";
// conflict "plan_not_changeable" by the tenant's status, "subscription_needed" of one whose plan costs nothing and who
// pays for none, "plan_exceeded" with a field for each limit that is.
Result<PlanOutcome> choose_plan(db::Transaction& tx, messaging::Outbox& outbox, const PlanWish& wish);

// The change that waits.
struct PendingPlan {
  std::string plan;
  int version = 0;
  Timestamp due_at{};
  std::string asked_by;
};
std::optional<PendingPlan> find_pending_plan(db::Transaction& tx, std::string_view tenant_id);
// False: none does. `reason`: tenant, admin, stripe_price.
Result<bool> withdraw_pending_plan(db::Transaction& tx, messaging::Outbox& outbox, const std::string& tenant_id,
                                   const std::string& reason);
// When its time has come. A timer of another change, or of one that was withdrawn, changes nothing; what does not fit
// any more is withdrawn.
Result<bool> apply_pending_plan(db::Transaction& tx, messaging::Outbox& outbox, const std::string& tenant_id,
                                const std::string& plan, Timestamp due_at);

// Of a trial, or of a tenant that is suspended because it was over, which goes on with it. False: it ends then, or
// the tenant is in no trial. Errors: not_found.
Result<bool> move_trial_end(db::Transaction& tx, messaging::Outbox& outbox, const std::string& tenant_id,
                            Timestamp ends_at, Timestamp now, const LifecyclePolicy& policy = {});

// The timers of a trial that ends then, replacing those there are.
void set_trial_timers(messaging::Outbox& outbox, const std::string& tenant_id, Timestamp ends_at,
                      const LifecyclePolicy& policy);

}  // namespace tenantry::tenancy
