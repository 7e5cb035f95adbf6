// One seed from its story to its verdict, and a failing one cut down to what it needs.
#pragma once

#include <optional>
#include <string>

#include "shared/core/rare.h"
#include "tests/simulation/invariants.h"
#include "tests/simulation/story.h"

namespace tenantry::sim {

struct Verdict {
  std::vector<Violation> violations;
  std::map<std::string, int> injected;
  std::string trace;
  double tenant_days = 0;  // simulated, of all tenants
};

// A world that does not come to rest, or throws, violates I8.
Verdict run_story(std::uint64_t seed, const Story& story, const Faults& faults,
                  rare::Mutant mutant = rare::Mutant::none);

struct Shrunk {
  Story story;
  Faults faults;
  Verdict verdict;
  int runs = 0;
};
// Takes away faults, tenants and acts as long as the first violated invariant stays violated.
Shrunk shrink(std::uint64_t seed, Story story, Faults faults, rare::Mutant mutant, int runs_max);

}  // namespace tenantry::sim
