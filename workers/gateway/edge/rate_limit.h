// Rate limits: how many requests a key may make, and how long a password guesser waits.
//
// Pure: time is passed in and is the loop's monotonic one, so that a jump of the
// clock gives nobody a fresh window. Memory is bounded; what is over is forgotten first.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "shared/core/time.h"

namespace tenantry::gateway {

struct RateDecision {
  bool allowed = false;
  std::int64_t limit = 0;
  std::int64_t remaining = 0;
  Seconds resets_in{0};  // rounded up
};

// A fixed window per key: exactly `limit` requests from the first one on for `window`.
class WindowLimiter {
 public:
  explicit WindowLimiter(Seconds window, std::size_t keys_max = 100'000) : window_(window), keys_max_(keys_max) {}

  RateDecision take(const std::string& key, std::int64_t limit, Milliseconds now);
  // What was taken turned out not to count.
  void give_back(const std::string& key);
  Seconds window() const { return window_; }

 private:
  struct Window {
    Milliseconds started{};
    std::int64_t used = 0;
  };
  void make_room(Milliseconds now);

  Seconds window_;
  std::size_t keys_max_;
  std::unordered_map<std::string, Window> windows_;
};

// How many requests a minute the console's pages may make, where the plan has so many for programs (-1: any number).
constexpr std::int64_t console_requests_of_session = 300;
constexpr std::int64_t console_requests_of_tenant = 1'200;  // or the plan's, where that is more
struct ConsoleRates {
  std::int64_t of_session;
  std::int64_t of_tenant;  // -1: its sessions are limited alone
};
ConsoleRates console_rates(std::int64_t plan_per_minute);

// What a key with a rate of its own may make a minute: no more than its tenant's, which may have become less.
std::int64_t rate_of_key(std::int64_t own, std::int64_t plan_per_minute);

// Guessing passwords (security.md L4). After `failures_max` bad logins of one account the wait
// doubles with each further one; an address from which the right password once came is not held
// up by others' guesses, so this is no way to lock anybody out.
class LoginLimiter {
 public:
  static constexpr int failures_max = 10;
  static constexpr int address_failures_max = 50;  // over all accounts: offices share addresses
  static constexpr Seconds wait_max{900};
  static constexpr Seconds forget_after{3600};
  static constexpr std::size_t keys_max = 100'000;

  enum class Outcome { right, wrong, none };  // none: the password was never looked at

  // How long to wait; nullopt: go on, and settle() once. Until then it counts as a failure of the
  // account, so that guesses made at once are not more than guesses made one by one.
  std::optional<Seconds> admit(const std::string& account, const std::string& address, Milliseconds now);
  void settle(const std::string& account, const std::string& address, Outcome outcome, Milliseconds now);

 private:
  struct Record {
    int failures = 0;
    int in_flight = 0;
    Milliseconds last{};
    std::set<std::string> known_addresses{};
  };
  using Records = std::unordered_map<std::string, Record>;
  static std::optional<Seconds> wait_of(Record& record, int allowed, Milliseconds now);
  static Record& touch(Records& records, const std::string& key, Milliseconds now);

  Records accounts_;
  Records addresses_;
};

}  // namespace tenantry::gateway
