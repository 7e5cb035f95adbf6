// What the audit worker reads from its environment.
#pragma once

#include <string>

#include "shared/config/config.h"

namespace tenantry::audit {

struct AuditConfig {
  std::string database_url;
  config::MasterKeyTexts master_keys;
};

AuditConfig read_audit_config(config::Reader& reader);

}  // namespace tenantry::audit
