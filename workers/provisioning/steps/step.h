// Step: one thing that a tenant is given, kept and rid of; and the registry of all.
//
// To add one: a function in a file of this folder that returns it, its line in
// standard_registry(), its test. Tenants that were there before get it by
// `tenantry tenants reconcile`. Its name stands in tenants' rows: it is never used for
// something else. Everything here may be repeated at any time.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/ids.h"
#include "shared/core/result.h"

namespace tenantry::provisioning {

class Tools;

// The last event of the tenant's queues, and that of what expired in them.
struct StreamEnds {
  Uuid queues;
  Uuid expired;
};

struct Target {
  const std::string& tenant_id;
  StreamEnds ends{};  // for steps of a release that wait for them
};

struct Step {
  std::string name;
  std::function<Result<void>(Tools&, const Target&)> ensure;
  // Empty: it goes with what another step made.
  std::function<Result<void>(Tools&, const Target&)> remove{};
  // Whether it is there. Empty: nobody can tell, and a reconciliation ensures it again.
  std::function<Result<bool>(Tools&, const Target&)> verify{};
  // It waits until nobody writes or reads the tenant's stream any more: that it has not come to it is no failure.
  bool waits = false;
};

// What a tenant has, in the order in which it is made; and what comes before, and after, that is taken back.
struct Registry {
  std::vector<Step> made;
  std::vector<Step> before_release;
  std::vector<Step> after_release;

  // "provision", "reconcile": what is made. "release": what comes before, what was made from the last on, what comes
  // after.
  std::vector<const Step*> steps_of(std::string_view saga) const;
  const Step* find(std::string_view saga, std::string_view step) const;
};

Registry standard_registry();

}  // namespace tenantry::provisioning
