// A service process: configuration, clock, loop, host and signals around the workers
// it is given. main.cpp of every worker is this and a table of what to host.
//
// SIGTERM or SIGINT drains: batches at hand are finished, acknowledged and published;
// a second signal leaves at once.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shared/config/config.h"
#include "shared/core/clock.h"
#include "shared/core/ids.h"
#include "shared/messaging/host.h"
#include "shared/service/status_server.h"
#include "shared/service/trace_exporter.h"
#include "shared/telemetry/log.h"

namespace tenantry::service {

// What a process hosts beside workers: the gateway. Made on the main thread before the
// loop runs; everything else happens on the loop.
class Extension {
 public:
  virtual ~Extension() = default;
  virtual Result<void> start() = 0;
  virtual void tenant_changed(const std::string& tenant_id) = 0;
  virtual void stop(Milliseconds deadline, std::function<void()> stopped) = 0;
};

struct Context {
  loop::Loop& loop;
  const Clock& clock;
  IdGenerator& ids;
  std::function<void(std::vector<messaging::OutboxRow>)> hand_over;
  std::function<messaging::HostHealth()> health;
};

struct Parts {
  std::string name;           // "tenantry-billing", in logs and connection names
  std::string amqp_variable;  // of the consuming broker user
  std::vector<messaging::WorkerSpec> workers;
  std::function<std::unique_ptr<Extension>(const Context&)> extension{};  // may be empty
  std::string extension_database_url{};                                   // of its own role
};

// What every process reads, whatever it hosts.
struct ProcessConfig {
  bool test_clock = false;
  log::Level log_level = log::Level::info;
  messaging::HostOptions host;
  StatusAddress status;
  TraceSettings traces;
};
// `amqp_variable`: of the consuming broker user.
ProcessConfig read_process_config(config::Reader& reader, const std::string& amqp_variable);

// Reads the settings every process needs from `reader`, which the parts' own readers
// have used before; prints every configuration error and returns 2 where there is one.
// Runs until a signal; returns 0 after a drain.
int run(config::Reader& reader, Parts parts);

}  // namespace tenantry::service
