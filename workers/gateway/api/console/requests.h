// How a super-admin begins a session at the console. Pure.
#pragma once

#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry::gateway {

struct AdminLogin {
  std::string token;
  std::string name;  // of the person, for the record
};
Result<AdminLogin> parse_admin_login(std::string_view body);

}  // namespace tenantry::gateway
