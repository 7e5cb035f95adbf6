// The oracle: what must have become of a story, computed from what was accepted and
// from shared knowledge of the rules alone. Deliberately naive (sets, no order of
// arrival, no state machine), and without a line of the workers' code.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "tests/simulation/world.h"

namespace tenantry::sim {

struct Expected {
  std::map<std::string, std::string> statuses;  // by tenant, when every timer has run out
  std::map<std::string, std::string> plans;     // of those whose subscription goes on
  std::map<std::string, std::string> payments;  // by Stripe's object: what became of the money, last
  struct Counter {
    std::string quantity;
    int events;
    std::optional<Timestamp> last_at;  // none: of two with one key either may be the one that counts
  };
  // by tenant, metric, span and the window's start
  std::map<std::tuple<std::string, std::string, std::string, std::string>, Counter> counters;
};

Expected expected_of(const Accepted& accepted);

}  // namespace tenantry::sim
