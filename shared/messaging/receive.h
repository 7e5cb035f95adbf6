// What becomes of a delivery before a lane has it: decoded, and asked whether what it
// claims counts where it was published. Pure; on the loop thread.
#pragma once

#include <string>

#include "events/codec.h"
#include "shared/amqp/message.h"
#include "shared/messaging/arrival.h"

namespace tenantry::messaging {

// Never fails: what cannot be read or must not count comes as refused, with the
// vhost's tenant. The event's own tenant is right in all others.
Arrival receive(amqp::Delivery&& delivery, const std::string& vhost, const events::TrustRules& rules, Token token,
                Timestamp now);

}  // namespace tenantry::messaging
