#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "shared/core/clock.h"
#include "shared/db/clock_offset.h"
#include "shared/http/client.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"

namespace tenantry::cli {
namespace {

// "14d", "90s", "12h", "30m"; several may follow each other: "1d12h".
std::optional<Seconds> read_span(std::string_view text) {
  Seconds total{0};
  std::int64_t number = -1;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      number = (number < 0 ? 0 : number) * 10 + (c - '0');
      if (number > 1'000'000'000) return std::nullopt;
      continue;
    }
    if (number < 0) return std::nullopt;
    switch (c) {
      case 's':
        total += Seconds{number};
        break;
      case 'm':
        total += std::chrono::minutes{number};
        break;
      case 'h':
        total += std::chrono::hours{number};
        break;
      case 'd':
        total += Days{number};
        break;
      default:
        return std::nullopt;
    }
    number = -1;
  }
  if (number >= 0 || total.count() == 0) return std::nullopt;
  return total;
}

void show(const Session& session, Microseconds offset) {
  SystemClock clock;
  clock.set_offset(offset);
  const auto seconds = std::chrono::duration_cast<Seconds>(offset).count();
  if (session.json) {
    print_json({{"now", to_rfc3339(clock.now())}, {"offset_seconds", seconds}});
  } else {
    std::printf("%s (%lld s ahead)\n", to_rfc3339(clock.now()).c_str(), static_cast<long long>(seconds));
  }
}

// Every process follows the clock within its next sweep; the gateway says which time it has. Nothing to wait for
// where no gateway runs.
void await_gateway(const Session& session, Timestamp at) {
  const auto url = session.setting("TENANTRY_URL");
  if (!url) return;
  http::HttpClient client;
  for (const auto until = std::chrono::steady_clock::now() + Seconds{5}; std::chrono::steady_clock::now() < until;) {
    const auto answer = client.perform({.url = *url + "/livez", .timeout = Milliseconds{1'000}});
    if (!answer || answer->status != 200) return;
    const auto body = nlohmann::json::parse(answer->body, nullptr, false);
    const auto now = body.is_object() ? from_rfc3339(body.value("now", "")) : Result<Timestamp>(Error{});
    if (!now || *now >= at) return;
    std::this_thread::sleep_for(Milliseconds{10});
  }
}

}  // namespace

void add_clock(Command& app, Session& session) {
  auto* command = app.add_subcommand("clock",
                                     "The shared test clock (TENANTRY_TEST_CLOCK=1)\n\nExamples:\n"
                                     "  tenantry clock show\n  tenantry clock advance 14d");
  command->require_subcommand();
  command->add_subcommand("show", "What time it is for the platform")->callback([&session] {
    const auto url = session.setting("TENANTRY_DATABASE_URL");
    if (!url) return session.fail(url.error());
    db::Session database(*url, "tenantry clock");
    show(session, db::read_clock_offset(database));
  });
  auto* advance = command->add_subcommand("advance", "Move the clock ahead; timers that come due fire");
  static std::string span;
  advance->add_option("span", span, "How far: 14d, 12h, 30m, 90s or several, 1d12h")->required();
  advance->callback([&session] {
    const auto by = read_span(span);
    if (!by) {
      session.fail(Error::invalid("span", "duration", "must look like 14d, 12h, 30m, 90s or 1d12h"));
      session.exit_code = 2;
      return;
    }
    const auto url = session.setting("TENANTRY_DATABASE_URL");
    if (!url) return session.fail(url.error());
    const auto enabled = session.environment.find("TENANTRY_TEST_CLOCK");
    if (enabled == session.environment.end() || enabled->second != "1") {
      return session.fail({.code = Errc::refused,
                           .reason = "no_test_clock",
                           .message = "TENANTRY_TEST_CLOCK=1 is not set: a production clock never moves"});
    }
    db::Session database(*url, "tenantry clock");
    const auto offset = db::advance_clock(database, *by);
    SystemClock moved;
    moved.set_offset(offset);
    await_gateway(session, moved.now());
    show(session, offset);
  });
}

}  // namespace tenantry::cli
