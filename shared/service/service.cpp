#include "shared/service/service.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <future>
#include <thread>

#include "events/topology.h"
#include "shared/amqp/connection.h"
#include "shared/db/clock_offset.h"
#include "shared/db/connection.h"
#include "shared/db/role_check.h"
#include "shared/loop/loop.h"
#include "shared/service/entry.h"
#include "shared/service/process.h"
#include "shared/service/status_server.h"
#include "shared/service/trace_exporter.h"
#include "shared/telemetry/log.h"

namespace tenantry::service {
namespace {

constexpr Milliseconds drain_deadline{10'000};

amqp::ConnectionParameters broker_url(config::Reader& reader, const std::string& variable) {
  const auto url = reader.required_secret(variable);
  if (url.empty()) return {};
  auto parameters = amqp::parse_url(url);
  if (!parameters) {
    reader.fail(variable, parameters.error().message);
    return {};
  }
  return *std::move(parameters);
}

log::Level log_level(config::Reader& reader) {
  const auto word = reader.word("TENANTRY_LOG_LEVEL");
  if (word == "debug") return log::Level::debug;
  if (word == "warn") return log::Level::warn;
  return word == "error" ? log::Level::error : log::Level::info;
}

messaging::Shard shard(config::Reader& reader) {
  const auto parsed = messaging::Shard::parse(reader.text("TENANTRY_SHARD"));
  if (!parsed) reader.fail("TENANTRY_SHARD", parsed.error().fields[0].detail);
  return parsed ? *parsed : messaging::Shard{};
}

// False: one of the logins is not its service's own. A database that is away is no reason not to start.
bool roles_are_right(const messaging::HostOptions& options, const Parts& parts) {
  std::vector<std::pair<std::string, std::string>> logins{{options.relay.database_url, "runtime"}};
  for (const auto& worker : parts.workers) logins.emplace_back(worker.database_url, worker.name);
  if (!parts.extension_database_url.empty()) logins.emplace_back(parts.extension_database_url, "gateway");
  bool right = true;
  for (const auto& [url, name] : logins) {
    try {
      if (const auto ok = db::check_role(url, "tenantry_" + name); !ok) {
        log::error("refuses to start", {{"service", name}, {"error", ok.error().message}});
        right = false;
      }
    } catch (const std::exception& error) {
      log::warn("its rights in the database could not be looked at", {{"service", name}, {"error", error.what()}});
    }
  }
  return right;
}

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

ProcessConfig read_process_config(config::Reader& reader, const std::string& amqp_variable) {
  ProcessConfig config;
  config.test_clock = reader.flag("TENANTRY_TEST_CLOCK");
  config.log_level = log_level(reader);
  config.host.shard = shard(reader);
  config.host.relay.database_url = reader.required_secret(config::service_database_variable("runtime"));
  config.host.relay.publisher.broker = broker_url(reader, "TENANTRY_AMQP_URL");
  config.host.consumer = broker_url(reader, amqp_variable);
  config.status = read_status_address(reader);
  config.traces = read_trace_settings(reader);
  return config;
}

int run_alone(int argc, const char* const* argv, const Entry& entry) {
  const auto name = "tenantry-" + entry.name;
  if (const auto code = begin(argc, argv, name, entry.purpose)) return *code;
  config::Reader reader(config::process_environment());
  std::vector<messaging::WorkerSpec> workers;
  workers.push_back(entry.read(reader));
  return run(reader,
             {.name = name, .amqp_variable = config::service_amqp_variable(entry.name), .workers = std::move(workers)});
}

int run(config::Reader& reader, Parts parts) {
  auto config = read_process_config(reader, parts.amqp_variable);
  auto& options = config.host;
  if (const auto valid = reader.finish(); !valid) {
    std::fprintf(stderr, "%s: %s\n", parts.name.c_str(), valid.error().message.c_str());
    return 2;
  }
  log::configure(parts.name, config.log_level);
  options.relay.publisher.broker.name = parts.name;
  options.consumer.name = parts.name;

  if (!roles_are_right(options, parts)) return 2;

  // Before any thread starts, so that only the thread below takes them.
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  SystemClock clock;
  SystemIdGenerator ids(clock);
  options.relay.clock = &clock;
  options.relay.test_clock = config.test_clock;
  try {
    db::Connection connection(options.relay.database_url, parts.name);
    clock.follow(db::read_platform_time(connection, config.test_clock));
  } catch (const std::exception& error) {
    log::warn("the database's time is not known yet", {{"error", error.what()}});
  }

  // Behind whatever makes spans: it is the last to leave.
  const Tracing traces(config.traces, parts.name, ids);
  loop::Loop loop;
  std::unique_ptr<Extension> extension;
  options.tenant_changed = [&extension](const std::string& tenant_id) {
    if (extension) extension->tenant_changed(tenant_id);
  };
  messaging::Host host(loop, std::move(options), std::move(parts.workers), clock, ids);
  if (parts.extension) {
    extension = parts.extension({.loop = loop,
                                 .clock = clock,
                                 .ids = ids,
                                 .hand_over = [&host](auto rows) { host.relay().hand_over(std::move(rows)); },
                                 .health = [&host] { return host.health(); }});
    if (const auto started = extension->start(); !started) {
      log::error("cannot start", {{"error", started.error().describe()}});
      return 1;
    }
  }
  std::unique_ptr<StatusServer> status;
  if (config.status.port != 0) {
    status = std::make_unique<StatusServer>(loop, config.status, [&host] { return host.health(); });
    if (const auto listens = status->listen(); !listens) {
      log::error("cannot start", {{"setting", "TENANTRY_STATUS_PORT"}, {"error", listens.error().describe()}});
      return 1;
    }
  }
  std::thread loop_thread([&loop] { loop.run(); });
  host.start();
  log::info("running", {{"pid", getpid()}});

  int signal = 0;
  sigwait(&signals, &signal);
  log::info("draining", {{"signal", signal}});
  std::thread impatience([signals] {
    int again = 0;
    sigwait(&signals, &again);
    _exit(1);
  });
  impatience.detach();
  if (extension) {
    // Requests in flight may still write to the outbox: the relay drains after them.
    std::promise<void> stopped;
    loop.post([&] { extension->stop(drain_deadline, [&stopped] { stopped.set_value(); }); });
    stopped.get_future().wait();
  }
  host.drain(drain_deadline);
  loop.stop();
  loop_thread.join();
  extension.reset();
  status.reset();
  log::info("left");
  return 0;
}

}  // namespace tenantry::service
