#include "shared/service/process.h"
#include "workers/gateway/service.h"

int main(int argc, char** argv) {
  using namespace tenantry;
  if (const auto code = service::begin(argc, argv, "tenantry-gateway",
                                       "The gateway: HTTP for signups, tenants, super-admins and Stripe.")) {
    return *code;
  }
  config::Reader reader(config::process_environment());
  auto config = gateway::read_gateway_config(reader);
  const auto database_url = config.database_url;
  return service::run(reader, {.name = "tenantry-gateway",
                               .amqp_variable = "TENANTRY_GATEWAY_AMQP_URL",
                               .extension = gateway::extension(std::move(config)),
                               .extension_database_url = database_url});
}
