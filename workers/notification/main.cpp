#include "shared/service/process.h"
#include "shared/service/service.h"
#include "workers/notification/worker.h"

int main(int argc, char** argv) {
  using namespace tenantry;
  if (const auto code =
          service::begin(argc, argv, "tenantry-notification", "The notification worker: mails to people.")) {
    return *code;
  }
  config::Reader reader(config::process_environment());
  const auto config = notification::read_notification_config(reader);
  return service::run(reader, {.name = "tenantry-notification",
                               .amqp_variable = "TENANTRY_NOTIFICATION_AMQP_URL",
                               .workers = {notification::worker_spec(config)}});
}
