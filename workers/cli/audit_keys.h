// The public keys that commands of `tenantry audit` judge with.
#pragma once

#include "shared/audit_tree/evidence.h"
#include "workers/cli/context.h"

namespace tenantry::cli {

// `key`: a vkey, a public key, or the file that holds some; "": what this installation publishes (TENANTRY_AUDIT_KEYS).
Result<audit::KeyRing> keys_of(const Session& session, const std::string& key);

}  // namespace tenantry::cli
