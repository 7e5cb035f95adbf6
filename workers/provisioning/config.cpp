#include "workers/provisioning/config.h"

namespace tenantry::provisioning {

ProvisioningConfig read_provisioning_config(config::Reader& reader) {
  ProvisioningConfig config{.database_url = reader.required_secret(config::service_database_variable("provisioning")),
                            .broker_admin_url = reader.required_secret("TENANTRY_AMQP_ADMIN_URL"),
                            .master_key = reader.required_key("TENANTRY_MASTER_KEY"),
                            .queue_type = reader.text("TENANTRY_QUEUE_TYPE", "auto")};
  config.backup_years = static_cast<int>(reader.integer("TENANTRY_BACKUP_YEARS", config.backup_years, 1, 100));
  if (config.queue_type != "auto" && config.queue_type != "classic" && config.queue_type != "quorum") {
    reader.fail("TENANTRY_QUEUE_TYPE", "must be auto, classic or quorum");
  }
  return config;
}

}  // namespace tenantry::provisioning
