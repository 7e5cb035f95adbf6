#include "shared/service/service.h"
#include "workers/metering/worker.h"

int main() {
  using namespace tenantry;
  config::Reader reader(config::process_environment());
  const auto config = metering::read_metering_config(reader);
  return service::run(reader, {.name = "tenantry-metering",
                               .amqp_variable = "TENANTRY_METERING_AMQP_URL",
                               .workers = {metering::worker_spec(config)}});
}
