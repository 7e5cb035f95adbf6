#include "shared/service/process.h"
#include "shared/service/service.h"
#include "workers/billing/worker.h"

int main(int argc, char** argv) {
  using namespace tenantry;
  if (const auto code =
          service::begin(argc, argv, "tenantry-billing", "The billing worker: subscriptions, invoices, dunning.")) {
    return *code;
  }
  config::Reader reader(config::process_environment());
  const auto config = billing::read_billing_config(reader);
  return service::run(reader, {.name = "tenantry-billing",
                               .amqp_variable = "TENANTRY_BILLING_AMQP_URL",
                               .workers = {billing::worker_spec(config)}});
}
