#include "workers/audit/config.h"

namespace tenantry::audit {

AuditConfig read_audit_config(config::Reader& reader) {
  AuditConfig config{.database_url = reader.required_secret(config::service_database_variable("audit")),
                     .master_keys = reader.master_keys()};
  return config;
}

}  // namespace tenantry::audit
