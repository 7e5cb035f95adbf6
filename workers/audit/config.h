// What the audit worker reads from its environment.
#pragma once

#include <string>

#include "shared/config/config.h"

namespace tenantry::audit {

struct AuditConfig {
  std::string database_url;
  std::string master_key;  // base64; wraps the keys that seal what records say of persons
};

AuditConfig read_audit_config(config::Reader& reader);

}  // namespace tenantry::audit
