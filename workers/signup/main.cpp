#include "shared/service/service.h"
#include "workers/signup/worker.h"

int main() {
  using namespace tenantry;
  config::Reader reader(config::process_environment());
  const auto config = signup::read_signup_config(reader);
  return service::run(reader, {.name = "tenantry-signup",
                               .amqp_variable = "TENANTRY_SIGNUP_AMQP_URL",
                               .workers = {signup::worker_spec(config)}});
}
