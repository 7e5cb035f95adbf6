// What a super-admin asks for about a person, as it is asked for. Pure.
#pragma once

#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry::gateway {

Result<std::string> parse_admin_factor_reset(std::string_view body);  // the reason

struct AdminRequest {
  std::string email;
  std::string role;
  std::string first_name;  // of who has no account yet
  std::string last_name;
  std::string locale;
};
Result<AdminRequest> parse_admin(std::string_view body);

}  // namespace tenantry::gateway
