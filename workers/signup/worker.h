// Signup: registers the tenants that were asked for, and starts their trial once
// provisioning has made what they need.
//
// A request comes from the gateway, which has reserved slug and address in its own
// transaction (platform.signups), or as a bare event, which is validated here. What is
// refused becomes signup.rejected and leaves nothing behind.
#pragma once

#include "shared/messaging/worker.h"
#include "shared/service/entry.h"
#include "workers/signup/config.h"

namespace tenantry::signup {

messaging::WorkerSpec worker_spec(const SignupConfig& config);
service::Entry entry();

}  // namespace tenantry::signup
