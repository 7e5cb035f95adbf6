#include "workers/signup/config.h"

#include "shared/crypto/envelope.h"

namespace tenantry::signup {

SignupConfig read_signup_config(config::Reader& reader) {
  SignupConfig config{.database_url = reader.required_secret(config::service_database_variable("signup")),
                      .master_key = reader.required_secret("TENANTRY_MASTER_KEY"),
                      .trial = Days{reader.integer("TENANTRY_TRIAL_DAYS", 14, 1, 365)}};
  if (!config.master_key.empty() && !crypto::MasterKey::from_base64(config.master_key)) {
    reader.fail("TENANTRY_MASTER_KEY", "must be 32 bytes in base64: openssl rand -base64 32");
  }
  return config;
}

}  // namespace tenantry::signup
