#include "shared/service/service.h"
#include "workers/billing/worker.h"

int main() {
  using namespace tenantry;
  config::Reader reader(config::process_environment());
  const auto config = billing::read_billing_config(reader);
  return service::run(reader, {.name = "tenantry-billing",
                               .amqp_variable = "TENANTRY_BILLING_AMQP_URL",
                               .workers = {billing::worker_spec(config)}});
}
