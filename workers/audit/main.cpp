#include "shared/service/process.h"
#include "shared/service/service.h"
#include "workers/audit/worker.h"

int main(int argc, char** argv) {
  using namespace tenantry;
  if (const auto code = service::begin(argc, argv, "tenantry-audit",
                                       "The audit worker: every event becomes a record of the append-only log.")) {
    return *code;
  }
  config::Reader reader(config::process_environment());
  const auto config = audit::read_audit_config(reader);
  return service::run(
      reader,
      {.name = "tenantry-audit", .amqp_variable = "TENANTRY_AUDIT_AMQP_URL", .workers = {audit::worker_spec(config)}});
}
