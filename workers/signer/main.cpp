// tenantry-signer: the one process that holds the key of the audit logs. It serves nobody, consumes nothing, and runs
// beside the workers, best as a user of its own on a machine that PostgreSQL's users cannot reach.
#include <signal.h>
#include <time.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <optional>

#include "shared/db/clock_offset.h"
#include "shared/db/role_check.h"
#include "shared/loop/loop.h"
#include "shared/service/process.h"
#include "shared/service/status_server.h"
#include "shared/telemetry/log.h"
#include "workers/signer/signer.h"

namespace tenantry::signer {
namespace {

constexpr Milliseconds retry_after{2'000};  // where the database is away

// Waits for `span` or a signal to leave; true for the latter.
bool told_to_leave(const sigset_t& signals, Milliseconds span) {
  const timespec wait{.tv_sec = span.count() / 1000, .tv_nsec = span.count() % 1000 * 1'000'000};
  return sigtimedwait(&signals, nullptr, &wait) > 0;
}

// The status server on a loop of its own: rounds block this thread. The signer needs no broker.
class Status {
 public:
  Status(const service::StatusAddress& where, const std::atomic<bool>& reached) {
    if (where.port == 0) return;
    thread_.emplace();
    thread_->run_sync([&] {
      server_ = std::make_unique<service::StatusServer>(
          thread_->loop(), where, [&reached] { return messaging::HostHealth{.database = reached, .broker = true}; });
    });
  }
  ~Status() {
    if (thread_) thread_->run_sync([this] { server_.reset(); });
  }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;

  Result<void> listen() {
    Result<void> listens;
    if (thread_) thread_->run_sync([&] { listens = server_->listen(); });
    return listens;
  }

 private:
  std::optional<loop::LoopThread> thread_;
  std::unique_ptr<service::StatusServer> server_;
};

int run() {
  config::Reader reader(config::process_environment());
  const auto config = read_signer_config(reader);
  const bool test_clock = reader.flag("TENANTRY_TEST_CLOCK");
  const auto status_address = service::read_status_address(reader);
  if (const auto valid = reader.finish(); !valid) {
    std::fprintf(stderr, "tenantry-signer: %s\n", valid.error().message.c_str());
    return 2;
  }
  log::configure("tenantry-signer", log::Level::info);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);

  try {
    if (const auto ok = db::check_role(config.database_url, "tenantry_signer"); !ok) {
      log::error("refuses to start", {{"error", ok.error().message}});
      return 2;
    }
  } catch (const std::exception& error) {
    log::warn("its rights in the database could not be looked at", {{"error", error.what()}});
  }
  auto state = State::open(config.state_path);
  if (!state) {
    log::error("cannot start", {{"error", state.error().describe()}});
    return 1;
  }
  SystemClock clock;
  SystemIdGenerator ids(clock);
  db::Connection connection(config.database_url, "tenantry-signer");
  Signer signer(config, *state, connection, clock, ids);
  std::atomic<bool> reached = true;  // the database, in the last round
  Status status(status_address, reached);
  if (const auto listens = status.listen(); !listens) {
    log::error("cannot start", {{"setting", "TENANTRY_STATUS_PORT"}, {"error", listens.error().describe()}});
    return 1;
  }
  log::info("running", {{"tenants", state->heads().size()}, {"keys", config.keys.size()}});
  for (auto wait = config.interval; !told_to_leave(signals, wait);) {
    wait = config.interval;
    try {
      clock.follow(db::read_platform_time(connection, test_clock));
      signer.round();
      reached = true;
    } catch (const std::exception& error) {
      reached = false;
      log::warn("a round was not finished", {{"error", error.what()}});
      connection.disconnect();
      wait = std::max(config.interval, retry_after);
    }
  }
  log::info("left");
  return 0;
}

}  // namespace
}  // namespace tenantry::signer

int main(int argc, char** argv) {
  using namespace tenantry;
  if (const auto code =
          service::begin(argc, argv, "tenantry-signer", "The signer: signs the heads of the audit logs.")) {
    return *code;
  }
  return signer::run();
}
