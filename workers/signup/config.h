// What the signup worker reads from its environment.
#pragma once

#include <string>

#include "shared/config/config.h"
#include "shared/core/time.h"

namespace tenantry::signup {

struct SignupConfig {
  std::string database_url;
  config::MasterKeyTexts master_keys;
  Days trial{14};
};

SignupConfig read_signup_config(config::Reader& reader);

}  // namespace tenantry::signup
