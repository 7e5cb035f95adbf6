// Dead letters: messages that no more tries would help, kept whole with their
// reason where an admin sees them.
#pragma once

#include <string>
#include <string_view>

#include "shared/core/error.h"
#include "shared/messaging/worker.h"

namespace tenantry::messaging {

// "invalid", "refused", "crash" or "exhausted", from the error that ended it.
std::string_view dead_letter_reason(const Error& error);

// Inserts the message, or counts it again where the same one is there already. A
// refused one also becomes a security event, the same for every worker that refuses it.
void set_aside(Unit& unit, std::string_view worker, const Incoming& incoming, const Error& error);

}  // namespace tenantry::messaging
