#include "workers/registry.h"

#include "workers/audit/worker.h"
#include "workers/billing/worker.h"
#include "workers/metering/worker.h"
#include "workers/signup/worker.h"

namespace tenantry::workers {

// One a line: the build (CMakeLists.txt beside it) and `dev` look for "<name>::entry(".
std::vector<service::Entry> all(const Ports& ports) {
  return {
      signup::entry(),                            //
      provisioning::entry(ports.connect_broker),  //
      billing::entry(),                           //
      metering::entry(),                          //
      audit::entry(),                             //
      notification::entry(ports.send_mail),       //
  };
}

std::vector<messaging::WorkerSpec> sandboxed(const std::function<std::string(std::string_view worker)>& database_url,
                                             const std::string& master_key, const Ports& ports,
                                             std::string_view mail_from) {
  const auto entries = all(ports);
  config::Environment environment{{"TENANTRY_MASTER_KEY", master_key},
                                  {"TENANTRY_AMQP_ADMIN_URL", "http://sandbox.invalid"},
                                  {"TENANTRY_MAIL_FROM", std::string(mail_from)},
                                  {"TENANTRY_URL", "http://sandbox.invalid"}};
  for (const auto& entry : entries) {
    environment.emplace(config::service_database_variable(entry.name), database_url(entry.name));
  }
  config::Reader reader(std::move(environment));
  std::vector<messaging::WorkerSpec> specs;
  for (const auto& entry : entries) specs.push_back(entry.read(reader));
  TENANTRY_ASSERT(reader.finish());
  return specs;
}

}  // namespace tenantry::workers
