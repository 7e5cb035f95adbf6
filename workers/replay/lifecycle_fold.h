// LifecycleFold: what the tenants' lifecycles must be by now, from their recorded events
// and the one table of decisions (shared/tenancy/lifecycle).
//
// Pure. Records of one tenant come in any order: two processes may have published two
// facts of one moment in either order. Each fact that tells of a transition names the
// status it started from, and that decides.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shared/tenancy/lifecycle.h"
#include "workers/replay/recording.h"

namespace tenantry::replay {

struct Lifecycle {
  std::string status;
  std::string reason;  // of a suspension; "" in any other status
  std::string plan;
  std::optional<Timestamp> trial_ends_at{};
  std::optional<Timestamp> deletion_due_at{};  // of a cancelled or deleted tenant
  bool operator==(const Lifecycle&) const = default;
};

struct Difference {
  std::string tenant_id;
  std::string what;  // "status", "usage orders day 2026-11-21T00:00:00Z", ...
  std::string live;  // "" where there is none
  std::string rebuilt;
  bool operator==(const Difference&) const = default;
};

class LifecycleFold {
 public:
  void add(const Recorded& recorded);  // facts of other kinds are ignored

  // By tenant. Facts that no decision explains become differences ("transition").
  std::map<std::string, Lifecycle> finish(std::vector<Difference>& differences);

 private:
  std::map<std::string, std::vector<Recorded>> facts_;  // by tenant
};

// What differs, field by field. Tenants that are in one of them only, too.
std::vector<Difference> compare(const std::map<std::string, Lifecycle>& live,
                                const std::map<std::string, Lifecycle>& rebuilt);

}  // namespace tenantry::replay
