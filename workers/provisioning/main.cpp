#include "shared/service/process.h"
#include "shared/service/service.h"
#include "workers/provisioning/worker.h"

int main(int argc, char** argv) {
  using namespace tenantry;
  if (const auto code = service::begin(argc, argv, "tenantry-provisioning",
                                       "The provisioning worker: makes, freezes and removes tenants' resources.")) {
    return *code;
  }
  config::Reader reader(config::process_environment());
  const auto config = provisioning::read_provisioning_config(reader);
  return service::run(reader, {.name = "tenantry-provisioning",
                               .amqp_variable = "TENANTRY_PROVISIONING_AMQP_URL",
                               .workers = {provisioning::worker_spec(config)}});
}
