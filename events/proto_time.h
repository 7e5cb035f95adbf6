// Timestamps of ours as Protobuf's, and back.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include "shared/core/time.h"

namespace tenantry::events {

inline google::protobuf::Timestamp to_proto(Timestamp at) {
  google::protobuf::Timestamp out;
  const auto seconds = std::chrono::floor<Seconds>(at);
  out.set_seconds(seconds.time_since_epoch().count());
  out.set_nanos(static_cast<std::int32_t>((at - seconds).count() * 1000));
  return out;
}

inline Timestamp from_proto(const google::protobuf::Timestamp& at) {
  return Timestamp{Seconds{at.seconds()}} + Microseconds{at.nanos() / 1000};
}

}  // namespace tenantry::events
