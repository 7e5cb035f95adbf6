// Clock: what time it is, passed in wherever time matters, so that tests and the
// demo can move it. Measured durations (timeouts, back-off) use the monotonic
// clock of the loop instead; a jump of this one must not stretch them.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

#include "shared/core/time.h"

namespace tenantry {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;
};

// The machine's clock plus an offset (shared/db/clock_offset: the one that `tenantry clock
// advance` moves), until it is told to follow another: from then on that one's time, carried
// on by the monotonic clock, whatever becomes of the machine's.
class SystemClock : public Clock {
 public:
  Timestamp now() const override;
  Microseconds offset() const { return Microseconds{offset_us_.load(std::memory_order_relaxed)}; }
  void set_offset(Microseconds offset) { offset_us_.store(offset.count(), std::memory_order_relaxed); }

  // `reference` is what the other clock says now. Told again and again, it corrects what has drifted apart; less than
  // `follow_tolerance` is the time it took to ask.
  void follow(Timestamp reference);
  static constexpr Microseconds follow_tolerance{50'000};

 private:
  static constexpr std::int64_t nobody = std::numeric_limits<std::int64_t>::min();
  std::atomic<std::int64_t> offset_us_{0};
  std::atomic<std::int64_t> ahead_of_monotonic_us_{nobody};
};

class ManualClock : public Clock {
 public:
  explicit ManualClock(Timestamp at) : now_us_(to_unix_micros(at)) {}
  Timestamp now() const override { return from_unix_micros(now_us_.load()); }
  void advance(Microseconds by) { now_us_.fetch_add(by.count()); }
  void set(Timestamp at) { now_us_.store(to_unix_micros(at)); }

 private:
  std::atomic<std::int64_t> now_us_;
};

}  // namespace tenantry
