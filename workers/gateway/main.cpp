#include "workers/gateway/service.h"

int main() {
  using namespace tenantry;
  config::Reader reader(config::process_environment());
  auto config = gateway::read_gateway_config(reader);
  return service::run(reader, {.name = "tenantry-gateway",
                               .amqp_variable = "TENANTRY_GATEWAY_AMQP_URL",
                               .extension = gateway::extension(std::move(config))});
}
