#include "shared/amqp/reconnect.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tenantry::amqp {

Random random_of(IdGenerator& ids) {
  return [&ids] {
    std::array<std::uint8_t, 8> bytes{};
    ids.random(bytes);
    std::uint64_t bits = 0;
    for (const auto byte : bytes) bits = (bits << 8) | byte;
    return std::ldexp(static_cast<double>(bits >> 11), -53);  // a double holds 53 bits
  };
}

std::chrono::milliseconds Backoff::next() {
  constexpr int doublings_max = 30;  // far beyond any cap, and no overflow
  const auto factor = std::int64_t{1} << std::min(attempts_, doublings_max);
  ++attempts_;
  const auto ceiling = std::min(policy_.cap, policy_.base * factor);
  return std::chrono::milliseconds{std::llround(random_() * static_cast<double>(ceiling.count()))};
}

void TokenBucket::refill(std::chrono::milliseconds now) {
  if (now <= at_) return;
  tokens_ = std::min(burst_, tokens_ + rate_ * std::chrono::duration<double>(now - at_).count());
  at_ = now;
}

bool TokenBucket::try_take(std::chrono::milliseconds now) {
  refill(now);
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

std::chrono::milliseconds TokenBucket::wait(std::chrono::milliseconds now) {
  refill(now);
  if (tokens_ >= 1) return std::chrono::milliseconds{0};
  return std::chrono::milliseconds{static_cast<std::int64_t>(std::ceil((1 - tokens_) / rate_ * 1000))};
}

}  // namespace tenantry::amqp
