// What the provisioning worker reads from its environment.
#pragma once

#include <string>

#include "events/topology.h"
#include "shared/config/config.h"
#include "shared/core/time.h"

namespace tenantry::provisioning {

struct ProvisioningConfig {
  std::string database_url;
  std::string broker_admin_url;
  config::MasterKeyTexts master_keys;
  std::string queue_type;  // auto, classic or quorum
  int backup_years = 7;    // how long a deleted tenant's final backup is kept
  events::BrokerUsers users;
  std::string monitor_user{};  // who lists queues, and is let into each vhost for that; "": nobody
};

ProvisioningConfig read_provisioning_config(config::Reader& reader);

}  // namespace tenantry::provisioning
