// Clock: what time it is, passed in wherever time matters, so that tests and the
// demo can move it. Measured durations (timeouts, back-off) use the monotonic
// clock of the loop instead; a jump of this one must not stretch them.
#pragma once

#include <atomic>

#include "shared/core/time.h"

namespace tenantry {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;
};

// The machine's clock plus an offset that somebody else keeps up to date
// (shared/db/clock_offset: the offset that `tenantry clock advance` moves).
class SystemClock : public Clock {
 public:
  Timestamp now() const override;
  Microseconds offset() const { return Microseconds{offset_us_.load(std::memory_order_relaxed)}; }
  void set_offset(Microseconds offset) { offset_us_.store(offset.count(), std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> offset_us_{0};
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
