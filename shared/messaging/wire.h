// Between the AMQP client's messages and the codec's: no decisions here.
#pragma once

#include "events/codec.h"
#include "shared/amqp/message.h"
#include "shared/messaging/outbox.h"

namespace tenantry::messaging {

// Takes the delivery's strings. Header values that are no strings become text; lists and tables stay behind by name.
events::WireMessage to_wire(amqp::Delivery&& delivery);

// Properties for a row: persistent, with the publisher's user-id and the row's headers.
amqp::Properties properties_of(const OutboxRow& row, const std::string& publisher_user);

}  // namespace tenantry::messaging
