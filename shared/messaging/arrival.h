// A delivery between the broker's loop and the lane that handles it.
#pragma once

#include <cstdint>
#include <optional>

#include "shared/core/error.h"
#include "shared/messaging/worker.h"

namespace tenantry::messaging {

// What the host needs to acknowledge a delivery.
struct Token {
  std::uint64_t link = 0;        // which attachment of which vhost, and which worker of it
  std::uint64_t generation = 0;  // of the worker's channel
  std::uint64_t delivery_tag = 0;
};

// A delivery as the loop took it off the wire. A lane decodes nothing: a message that
// broke a rule comes with its error and is set aside.
struct Arrival {
  Incoming incoming;
  Token token;
  std::optional<Error> refused{};
};

}  // namespace tenantry::messaging
