#include "workers/provisioning/config.h"

#include "shared/broker_admin/login.h"

namespace tenantry::provisioning {

ProvisioningConfig read_provisioning_config(config::Reader& reader) {
  ProvisioningConfig config{.database_url = reader.required_secret(config::service_database_variable("provisioning")),
                            .broker_admin_url = reader.required_secret("TENANTRY_AMQP_ADMIN_URL"),
                            .master_keys = reader.master_keys(),
                            .queue_type = reader.word("TENANTRY_QUEUE_TYPE")};
  if (const auto url = reader.secret("TENANTRY_AMQP_MONITOR_URL").value_or(""); !url.empty()) {
    if (auto login = broker_admin::login_of(url)) {
      config.monitor_user = std::move(login->user);
    } else {
      reader.fail("TENANTRY_AMQP_MONITOR_URL", "must look like http://user:password@host:15672");
    }
  }
  config.backup_years = static_cast<int>(reader.integer("TENANTRY_BACKUP_YEARS"));
  return config;
}

}  // namespace tenantry::provisioning
