// The URL of a management API, taken apart. Pure.
#pragma once

#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry::broker_admin {

struct Login {
  std::string base;  // http://host:15672
  std::string user;
  std::string password;
};

// `url`: http://user:password@host:15672. Errc::invalid, rule "url", for another.
Result<Login> login_of(std::string_view url);

}  // namespace tenantry::broker_admin
