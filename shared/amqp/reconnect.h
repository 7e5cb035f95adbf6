// Backoff and TokenBucket: when to try a connection again. Pure: time and randomness
// are passed in. Not thread-safe.
//
// Backoff spreads the attempts of one connection; the bucket bounds the attempts of a
// process, because a restarted broker meets thousands of them at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "shared/core/ids.h"

namespace tenantry::amqp {

using Random = std::function<double()>;  // uniform in [0, 1)

// `ids` must outlive the result.
Random random_of(IdGenerator& ids);

struct BackoffPolicy {
  std::chrono::milliseconds base{100};
  std::chrono::milliseconds cap{10'000};
};

// Exponential with full jitter: the n-th delay is uniform in [0, min(cap, base * 2^n)].
class Backoff {
 public:
  explicit Backoff(Random random, BackoffPolicy policy = {}) : random_(std::move(random)), policy_(policy) {}
  std::chrono::milliseconds next();
  void reset() { attempts_ = 0; }  // after a success that lasted
  int attempts() const { return attempts_; }

 private:
  Random random_;
  BackoffPolicy policy_;
  int attempts_ = 0;
};

class TokenBucket {
 public:
  // Starts full.
  TokenBucket(double tokens_per_second, double burst, std::chrono::milliseconds now)
      : rate_(tokens_per_second), burst_(burst), tokens_(burst), at_(now) {}

  bool try_take(std::chrono::milliseconds now);
  // Until the next token; zero when there is one.
  std::chrono::milliseconds wait(std::chrono::milliseconds now);

 private:
  void refill(std::chrono::milliseconds now);

  double rate_;
  double burst_;
  double tokens_;
  std::chrono::milliseconds at_;
};

}  // namespace tenantry::amqp
