// Final backup: a deleted tenant's rows, kept for years after its resources are released,
// sealed under the tenant's key. What erases the tenant destroys that key.
//
// The bytes are one gzip stream (RFC 1952) of NDJSON, cut into parts that are sealed each
// by itself (crypto/envelope.h): a line {"format":"tenantry-backup/1","tenant_id","made_at"},
// a line {"table","row"} for each row, and last {"rows":N}. Memory is some MiB, whatever
// the size. One thread at a time.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::crypto {
class MasterKeys;
}

namespace tenantry::db {
class Transaction;
}

namespace tenantry::provisioning {

// In the caller's transaction, once per tenant: again it does nothing. Backups past their end go by the way.
// Nothing is made of a tenant that is erased already.
Result<void> make_final_backup(db::Transaction& tx, const crypto::MasterKeys& masters, const std::string& tenant_id,
                               Timestamp now, int keep_years);

// Hands over each line without its newline; its error ends the reading. As provisioning or the database's owner.
// Errc::not_found, reason "no_backup" or "erased"; Errc::refused, reason "backup_changed", for what does not open or is
// not whole.
using TakeLine = std::function<Result<void>(std::string_view line)>;
Result<void> read_final_backup(db::Transaction& tx, const crypto::MasterKeys& masters, const std::string& tenant_id,
                               const TakeLine& take);

}  // namespace tenantry::provisioning
