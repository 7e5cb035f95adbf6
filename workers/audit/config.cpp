#include "workers/audit/config.h"

namespace tenantry::audit {

AuditConfig read_audit_config(config::Reader& reader) {
  return {.database_url = reader.required_secret(config::service_database_variable("audit"))};
}

}  // namespace tenantry::audit
