// Replay: a recorded file played into every worker, for tests of the form "given this
// file, when the workers run to quiet, then these effects". docs/replay.md has the guide.
//
//   Replay replay("tests/data/replay/boulangerie_martin.ndjson");
//   replay.play();
//   EXPECT_EQ(replay.status("boulangerie-martin"), "active");
//
// A database of its own, a broker in memory, a clock that stands where the recording
// ends until advance() moves it. One thread, nothing to wait for: when play() or
// advance() returns, all that can happen at that moment has happened.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/services.h"
#include "workers/replay/lifecycle_fold.h"
#include "workers/replay/platform.h"

namespace tenantry::testing {

class Replay {
 public:
  // A file below the project's folder. A line that is no event fails the test with its number, field and rule.
  explicit Replay(const std::string& file);
  explicit Replay(std::vector<replay::Recorded> events, replay::PlatformOptions options = {});

  // Feeds what is left of the recording (those before `until`, where it is given), then runs to quiet.
  void play(std::optional<Timestamp> until = std::nullopt);
  void advance(Microseconds span);  // timers due on the way fire, each in its moment

  // ---- effects
  std::string status(const std::string& tenant_id);  // "trial", ...; "" without such a tenant
  // In all windows of `span` together; "" where nothing was counted.
  std::string usage(const std::string& tenant_id, const std::string& metric, const std::string& span = "month");
  std::vector<std::string> types(const std::string& tenant_id) const;  // of what was published, in order
  int published(const std::string& tenant_id, std::string_view type) const;
  std::vector<std::string> subjects(const std::string& recipient) const;  // of mails, in order
  std::vector<std::string> dead_letters();        // "metering usage.recorded invalid", the oldest first
  std::vector<replay::Difference> differences();  // of the audit log and the state (`events replay --verify`)

  replay::Platform& platform() { return platform_; }
  TestDatabase& database() { return database_; }

 private:
  TestDatabase database_;
  std::vector<replay::Recorded> events_;
  std::size_t next_ = 0;
  replay::Platform platform_;
};

}  // namespace tenantry::testing
