#include "workers/audit/config.h"

#include "shared/crypto/envelope.h"

namespace tenantry::audit {

AuditConfig read_audit_config(config::Reader& reader) {
  AuditConfig config{.database_url = reader.required_secret(config::service_database_variable("audit")),
                     .master_key = reader.required_secret("TENANTRY_MASTER_KEY")};
  if (!config.master_key.empty() && !crypto::MasterKey::from_base64(config.master_key)) {
    reader.fail("TENANTRY_MASTER_KEY", "must be 32 bytes in base64: openssl rand -base64 32");
  }
  return config;
}

}  // namespace tenantry::audit
