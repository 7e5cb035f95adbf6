#include "workers/signup/config.h"

namespace tenantry::signup {

SignupConfig read_signup_config(config::Reader& reader) {
  SignupConfig config{.database_url = reader.required_secret(config::service_database_variable("signup")),
                      .master_key = reader.required_key("TENANTRY_MASTER_KEY"),
                      .trial = Days{reader.integer("TENANTRY_TRIAL_DAYS", 14, 1, 365)}};
  return config;
}

}  // namespace tenantry::signup
