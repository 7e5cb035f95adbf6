// Gathering: whether a lane's batch waits a moment for company.
//
// A batch costs, beside its events, a head, a stretch of a tree and an acknowledgement for
// each tenant in it. Where many tenants send a lot, a lane that takes whatever is there makes
// small batches, and the dearer they are the smaller the next one is. So under load a batch
// waits until its tenants have some events each, but never long; and not at all where one
// tenant floods, since its events are company enough and the others shall not wait for them.
//
// Of the lane that has it: arrived() from any thread under the lane's mutex, the rest by the
// lane's thread, likewise.
#pragma once

#include <chrono>
#include <cstddef>

#include "shared/core/time.h"

namespace tenantry::messaging {

class Gathering {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr double rate_min =
      1'200;  // events a second of a lane; below it nothing is gained, and latency counts
  static constexpr Milliseconds rate_span{200};
  static constexpr Milliseconds patience_max{20};
  static constexpr std::size_t events_each = 8;

  // A batch takes at most so many events, and so many of a tenant in its turn.
  Gathering(std::size_t batch_max, std::size_t turn_max, Time now)
      : batch_max_(batch_max), turn_max_(turn_max), since_(now) {}

  void arrived(std::size_t events) { arrived_ += events; }

  // Asked before each batch: how long it may wait.
  Milliseconds patience(Time now);

  // `fullest`: how many of the events are of the tenant that has most.
  bool is_enough(std::size_t events, std::size_t tenants, std::size_t fullest) const {
    return events >= batch_max_ || events >= events_each * tenants || fullest >= turn_max_;
  }

 private:
  const std::size_t batch_max_, turn_max_;
  Time since_;               // of the span that is counted
  std::size_t arrived_ = 0;  // in it
  bool under_load_ = false;  // in the last whole span
};

}  // namespace tenantry::messaging
