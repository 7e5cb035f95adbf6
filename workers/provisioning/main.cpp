#include "shared/service/service.h"
#include "workers/provisioning/worker.h"

int main() {
  using namespace tenantry;
  config::Reader reader(config::process_environment());
  const auto config = provisioning::read_provisioning_config(reader);
  return service::run(reader, {.name = "tenantry-provisioning",
                               .amqp_variable = "TENANTRY_PROVISIONING_AMQP_URL",
                               .workers = {provisioning::worker_spec(config)}});
}
