// Changes of people as they are asked for. Pure. A locale that is left out is "".
#pragma once

#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry::gateway {

struct InvitationRequest {
  std::string email;
  std::string role;
  std::string locale;
};
Result<InvitationRequest> parse_invitation(std::string_view body);
Result<std::string> parse_role(std::string_view body);
Result<bool> parse_transfer(std::string_view body);  // whether the caller leaves; "" is a body, too

Result<std::string> parse_factor_reset(std::string_view body);  // the reason

}  // namespace tenantry::gateway
