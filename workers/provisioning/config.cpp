#include "workers/provisioning/config.h"

#include "shared/crypto/envelope.h"

namespace tenantry::provisioning {

ProvisioningConfig read_provisioning_config(config::Reader& reader) {
  ProvisioningConfig config{.database_url = reader.required_secret(config::service_database_variable("provisioning")),
                            .broker_admin_url = reader.required_secret("TENANTRY_AMQP_ADMIN_URL"),
                            .master_key = reader.required_secret("TENANTRY_MASTER_KEY"),
                            .queue_type = reader.text("TENANTRY_QUEUE_TYPE", "auto")};
  config.backup_years = static_cast<int>(reader.integer("TENANTRY_BACKUP_YEARS", config.backup_years, 1, 100));
  if (!config.master_key.empty() && !crypto::MasterKey::from_base64(config.master_key)) {
    reader.fail("TENANTRY_MASTER_KEY", "must be 32 bytes in base64: openssl rand -base64 32");
  }
  if (config.queue_type != "auto" && config.queue_type != "classic" && config.queue_type != "quorum") {
    reader.fail("TENANTRY_QUEUE_TYPE", "must be auto, classic or quorum");
  }
  return config;
}

}  // namespace tenantry::provisioning
