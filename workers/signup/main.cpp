#include "shared/service/process.h"
#include "shared/service/service.h"
#include "workers/signup/worker.h"

int main(int argc, char** argv) {
  using namespace tenantry;
  if (const auto code = service::begin(argc, argv, "tenantry-signup",
                                       "The signup worker: registers tenants and starts their trials.")) {
    return *code;
  }
  config::Reader reader(config::process_environment());
  const auto config = signup::read_signup_config(reader);
  return service::run(reader, {.name = "tenantry-signup",
                               .amqp_variable = "TENANTRY_SIGNUP_AMQP_URL",
                               .workers = {signup::worker_spec(config)}});
}
