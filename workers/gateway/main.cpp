#include "workers/gateway/service.h"

int main() {
  using namespace tenantry;
  config::Reader reader(config::process_environment());
  auto config = gateway::read_gateway_config(reader);
  return service::run(reader, {.name = "tenantry-gateway", .extension = gateway::extension(std::move(config))});
}
