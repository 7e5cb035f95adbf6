#include "workers/signup/config.h"

namespace tenantry::signup {

SignupConfig read_signup_config(config::Reader& reader) {
  SignupConfig config{.database_url = reader.required_secret(config::service_database_variable("signup")),
                      .master_keys = reader.master_keys(),
                      .trial = Days{reader.integer("TENANTRY_TRIAL_DAYS")}};
  return config;
}

}  // namespace tenantry::signup
