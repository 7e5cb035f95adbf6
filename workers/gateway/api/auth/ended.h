// What follows from sessions that ended: their tenants are told, caches forget them.
#pragma once

#include <string>
#include <vector>

#include "workers/gateway/api/auth/store.h"

namespace tenantry::messaging {
class Outbox;
}

namespace tenantry::gateway {

struct Services;
using Ended = std::vector<store::EndedSession>;

// To each tenant the sessions that were its own.
void tell_ended(messaging::Outbox& outbox, const std::string& user_id, const Ended& ended);

void forget_sessions(Services& services, const Ended& ended);  // on the loop

}  // namespace tenantry::gateway
