// A signup as it is asked for. Pure.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::gateway {

struct SignupRequest {
  std::string company_name;
  std::string company_email;
  std::string admin_email;
  std::string admin_password;
  std::string admin_first_name;
  std::string admin_last_name;
  std::string plan;
  // By an admin alone; "": as usual.
  std::string isolation_mode{};
  std::string region{};
};

// Who asks decides what is asked: a person sets a password and accepts terms, an admin does neither.
enum class SignupForm { person, admin };
Result<SignupRequest> parse_signup(std::string_view body, const std::set<std::string>& plans, SignupForm form);

}  // namespace tenantry::gateway
