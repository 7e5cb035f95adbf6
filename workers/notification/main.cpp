#include "shared/service/service.h"
#include "workers/notification/worker.h"

int main() {
  using namespace tenantry;
  config::Reader reader(config::process_environment());
  const auto config = notification::read_notification_config(reader);
  return service::run(reader, {.name = "tenantry-notification",
                               .amqp_variable = "TENANTRY_NOTIFICATION_AMQP_URL",
                               .workers = {notification::worker_spec(config)}});
}
