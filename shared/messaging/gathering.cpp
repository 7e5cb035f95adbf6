#include "shared/messaging/gathering.h"

namespace tenantry::messaging {

Milliseconds Gathering::patience(Time now) {
  if (batch_max_ == 1) return Milliseconds{0};
  if (const auto span = now - since_; span >= rate_span) {
    under_load_ = static_cast<double>(arrived_) >= rate_min * std::chrono::duration<double>(span).count();
    since_ = now;
    arrived_ = 0;
  }
  return under_load_ ? patience_max : Milliseconds{0};
}

}  // namespace tenantry::messaging
