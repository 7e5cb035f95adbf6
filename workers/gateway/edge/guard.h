// What the guard's parts have of each other: by token (guard.cpp), by cookie (guard_cookie.cpp). On the loop.
#pragma once

#include <memory>
#include <string>

#include "workers/gateway/edge/services.h"

namespace tenantry::gateway {

Error unauthenticated(std::string reason, std::string message);

// By what a token or a cookie says of a session in a tenant.
void guard_claims(Services& services, const CallPtr& call, std::shared_ptr<const crypto::Claims> claims, Handler next);

// A super-admin who has logged in, by whatever shows that.
void guard_admin_person(Services& services, const CallPtr& call, std::shared_ptr<const store::AdminSession> session,
                        Handler next);

void guard_cookie(Services& services, const CallPtr& call, Handler next);

}  // namespace tenantry::gateway
