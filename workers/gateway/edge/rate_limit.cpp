#include "workers/gateway/edge/rate_limit.h"

#include <algorithm>

namespace tenantry::gateway {

RateDecision WindowLimiter::take(const std::string& key, std::int64_t limit, Milliseconds now) {
  auto found = windows_.find(key);
  if (found == windows_.end()) {
    if (windows_.size() >= keys_max_) make_room(now);
    found = windows_.emplace(key, Window{now, 0}).first;
  }
  auto& window = found->second;
  if (now - window.started >= window_) window = {now, 0};
  const auto resets_in = std::chrono::ceil<Seconds>(window.started + window_ - now);
  if (window.used >= limit) return {false, limit, 0, resets_in};
  ++window.used;
  return {true, limit, limit - window.used, resets_in};
}

void WindowLimiter::give_back(const std::string& key) {
  const auto found = windows_.find(key);
  if (found != windows_.end() && found->second.used > 0) --found->second.used;
}

void WindowLimiter::make_room(Milliseconds now) {
  std::erase_if(windows_, [&](const auto& entry) { return now - entry.second.started >= window_; });
  if (windows_.size() >= keys_max_) windows_.clear();  // a flood of keys: forgetting is kinder than growing
}

std::optional<Seconds> LoginLimiter::wait_of(Record& record, int allowed, Milliseconds now) {
  if (now - record.last >= forget_after) record.failures = 0;
  if (record.failures + record.in_flight < allowed) return std::nullopt;
  if (record.failures < allowed) return Seconds{1};  // those in flight decide
  const int doublings = std::min(record.failures - allowed, 10);
  const auto until = record.last + std::min(Seconds{1L << doublings}, wait_max);
  if (now >= until) return record.in_flight > 0 ? std::optional{Seconds{1}} : std::nullopt;
  return std::chrono::ceil<Seconds>(until - now);
}

std::optional<Seconds> LoginLimiter::admit(const std::string& account, const std::string& address, Milliseconds now) {
  std::optional<Seconds> wait;
  if (const auto at = accounts_.find(account); at != accounts_.end() && !at->second.known_addresses.contains(address)) {
    wait = wait_of(at->second, failures_max, now);
  }
  if (const auto at = addresses_.find(address); at != addresses_.end()) {
    const auto by_address = wait_of(at->second, address_failures_max, now);
    if (by_address && (!wait || *by_address > *wait)) wait = by_address;
  }
  if (!wait) ++touch(accounts_, account, now).in_flight;
  return wait;
}

LoginLimiter::Record& LoginLimiter::touch(Records& records, const std::string& key, Milliseconds now) {
  if (records.size() >= keys_max && !records.contains(key)) {
    std::erase_if(records, [&](const auto& entry) { return now - entry.second.last >= forget_after; });
    if (records.size() >= keys_max) records.clear();
  }
  return records[key];
}

void LoginLimiter::settle(const std::string& account, const std::string& address, Outcome outcome, Milliseconds now) {
  constexpr std::size_t known_addresses_max = 16;
  auto& by_account = touch(accounts_, account, now);
  by_account.in_flight = std::max(0, by_account.in_flight - 1);  // it may have been forgotten meanwhile
  if (outcome == Outcome::none) return;
  if (outcome == Outcome::right) {
    by_account.failures = 0;
    by_account.last = now;
    if (by_account.known_addresses.size() >= known_addresses_max) by_account.known_addresses.clear();
    by_account.known_addresses.insert(address);
    return;
  }
  auto& by_address = touch(addresses_, address, now);
  ++by_address.failures;
  by_address.last = now;
  if (by_account.known_addresses.contains(address)) return;
  ++by_account.failures;
  by_account.last = now;
}

ConsoleRates console_rates(std::int64_t plan_per_minute) {
  const auto of_tenant = plan_per_minute < 0 ? plan_per_minute : std::max(console_requests_of_tenant, plan_per_minute);
  return {console_requests_of_session, of_tenant};
}

std::int64_t rate_of_key(std::int64_t own, std::int64_t plan_per_minute) {
  return plan_per_minute < 0 ? own : std::min(own, plan_per_minute);
}

}  // namespace tenantry::gateway
