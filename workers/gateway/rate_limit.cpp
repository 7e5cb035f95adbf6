#include "workers/gateway/rate_limit.h"

#include <algorithm>

namespace tenantry::gateway {

RateDecision WindowLimiter::take(const std::string& key, int limit, Milliseconds now) {
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

void WindowLimiter::make_room(Milliseconds now) {
  std::erase_if(windows_, [&](const auto& entry) { return now - entry.second.started >= window_; });
  if (windows_.size() >= keys_max_) windows_.clear();  // a flood of keys: forgetting is kinder than growing
}

std::optional<Seconds> LoginLimiter::wait_of(Record& record, int allowed, Milliseconds now) {
  if (now - record.last >= forget_after) record.failures = 0;
  if (record.failures < allowed) return std::nullopt;
  const int doublings = std::min(record.failures - allowed, 10);
  const auto until = record.last + std::min(Seconds{1L << doublings}, wait_max);
  if (now >= until) return std::nullopt;
  return std::chrono::ceil<Seconds>(until - now);
}

std::optional<Seconds> LoginLimiter::check(const std::string& account, const std::string& address, Milliseconds now) {
  std::optional<Seconds> wait;
  if (const auto at = accounts_.find(account); at != accounts_.end() && !at->second.known_addresses.contains(address)) {
    wait = wait_of(at->second, failures_max, now);
  }
  if (const auto at = addresses_.find(address); at != addresses_.end()) {
    const auto by_address = wait_of(at->second, address_failures_max, now);
    if (by_address && (!wait || *by_address > *wait)) wait = by_address;
  }
  return wait;
}

LoginLimiter::Record& LoginLimiter::touch(Records& records, const std::string& key, Milliseconds now) {
  if (records.size() >= keys_max && !records.contains(key)) {
    std::erase_if(records, [&](const auto& entry) { return now - entry.second.last >= forget_after; });
    if (records.size() >= keys_max) records.clear();
  }
  return records[key];
}

void LoginLimiter::failed(const std::string& account, const std::string& address, Milliseconds now) {
  auto& by_address = touch(addresses_, address, now);
  ++by_address.failures;
  by_address.last = now;
  auto& by_account = touch(accounts_, account, now);
  if (by_account.known_addresses.contains(address)) return;
  ++by_account.failures;
  by_account.last = now;
}

void LoginLimiter::succeeded(const std::string& account, const std::string& address, Milliseconds now) {
  constexpr std::size_t known_addresses_max = 16;
  auto& record = touch(accounts_, account, now);
  record.failures = 0;
  record.last = now;
  if (record.known_addresses.size() >= known_addresses_max) record.known_addresses.clear();
  record.known_addresses.insert(address);
}

}  // namespace tenantry::gateway
