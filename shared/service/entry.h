// Entry: a worker as whoever runs it knows it: its own process, `tenantry run`, the
// simulation, a replay. workers/registry.h has all of them.
#pragma once

#include <functional>
#include <string>

#include "shared/config/config.h"
#include "shared/messaging/worker.h"

namespace tenantry::service {

struct Entry {
  std::string name;     // "billing": of its queues, its database role and its broker user
  std::string purpose;  // a sentence, for --help
  // What it reads of the environment is what it asks `reader` for; what is wrong is for `reader.finish()` to tell.
  std::function<messaging::WorkerSpec(config::Reader& reader)> read;
};

// main() of the process "tenantry-<name>" that hosts it alone.
int run_alone(int argc, const char* const* argv, const Entry& entry);

}  // namespace tenantry::service
