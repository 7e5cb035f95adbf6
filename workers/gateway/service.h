// The gateway as a part of a service process (shared/service).
#pragma once

#include <functional>
#include <memory>

#include "shared/service/service.h"
#include "workers/gateway/config.h"

namespace tenantry::gateway {

std::function<std::unique_ptr<service::Extension>(const service::Context&)> extension(GatewayConfig config);

}  // namespace tenantry::gateway
