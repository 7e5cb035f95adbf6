// What a super-admin asks for about a person, as it is asked for. Pure.
#pragma once

#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry::gateway {

Result<std::string> parse_admin_factor_reset(std::string_view body);  // the reason

}  // namespace tenantry::gateway
