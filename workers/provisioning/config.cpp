#include "workers/provisioning/config.h"

namespace tenantry::provisioning {

ProvisioningConfig read_provisioning_config(config::Reader& reader) {
  ProvisioningConfig config{.database_url = reader.required_secret(config::service_database_variable("provisioning")),
                            .broker_admin_url = reader.required_secret("TENANTRY_AMQP_ADMIN_URL"),
                            .master_keys = reader.master_keys(),
                            .queue_type = reader.word("TENANTRY_QUEUE_TYPE")};
  config.backup_years = static_cast<int>(reader.integer("TENANTRY_BACKUP_YEARS"));
  return config;
}

}  // namespace tenantry::provisioning
