// The invariants of docs/RELIABILITY.md, checked on a world at rest. Each names what it
// found. They read tables and what was accepted, not the workers.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tests/simulation/world.h"

namespace tenantry::sim {

struct Violation {
  std::string invariant;  // "I1"
  std::string what;
};

std::vector<Violation> violations_of(World& world);

}  // namespace tenantry::sim
