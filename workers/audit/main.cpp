#include "shared/service/service.h"
#include "workers/audit/worker.h"

int main() {
  using namespace tenantry;
  config::Reader reader(config::process_environment());
  const auto config = audit::read_audit_config(reader);
  return service::run(
      reader,
      {.name = "tenantry-audit", .amqp_variable = "TENANTRY_AUDIT_AMQP_URL", .workers = {audit::worker_spec(config)}});
}
