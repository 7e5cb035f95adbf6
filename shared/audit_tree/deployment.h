// The deployment's name, which is part of every log's origin: two installations' logs of
// a tenant of one name are two logs.
#pragma once

#include <string>

#include "shared/config/config.h"

namespace tenantry::audit {

// TENANTRY_DEPLOYMENT: 1 to 64 of a-z, 0-9, "-" and "."; "default" where it is not set.
std::string read_deployment(config::Reader& reader);

}  // namespace tenantry::audit
