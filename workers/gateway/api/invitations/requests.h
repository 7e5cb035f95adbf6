// Who joins without an account. Pure. A locale that is left out is "".
#pragma once

#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry::gateway {

struct NewPersonRequest {
  std::string first_name;
  std::string last_name;
  std::string password;
  std::string locale;
};
Result<NewPersonRequest> parse_new_person(std::string_view body);

}  // namespace tenantry::gateway
