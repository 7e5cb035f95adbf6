#include "shared/service/process.h"
#include "shared/service/service.h"
#include "workers/metering/worker.h"

int main(int argc, char** argv) {
  using namespace tenantry;
  if (const auto code =
          service::begin(argc, argv, "tenantry-metering", "The metering worker: usage events become counters.")) {
    return *code;
  }
  config::Reader reader(config::process_environment());
  const auto config = metering::read_metering_config(reader);
  return service::run(reader, {.name = "tenantry-metering",
                               .amqp_variable = "TENANTRY_METERING_AMQP_URL",
                               .workers = {metering::worker_spec(config)}});
}
