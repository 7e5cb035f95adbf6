// Verify: the state that the audit log leads to, against the state that is there.
//
// Lifecycles are decided anew by the one table, usage is read by the metering worker's
// own rules and added up; nothing is written. In one transaction, which sees one moment.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "workers/replay/lifecycle_fold.h"

namespace tenantry::db {
class Connection;
}

namespace tenantry::audit {
class LeafKeys;
}

namespace tenantry::replay {

struct Verification {
  std::int64_t events = 0;       // looked at
  std::int64_t set_aside = 0;    // usage that waits as a dead letter of metering: it has not counted yet
  std::int64_t refused = 0;      // usage that metering's rules refuse
  std::int64_t unpublished = 0;  // events still in the outbox: what differs may be on its way
  std::map<std::string, Lifecycle> lifecycles;
  std::vector<Difference> differences;
};

// `tenant_id`: "" for all. `progress`: events done, of how many. Tenants that
// are erased cannot be verified and are left out. Errc::conflict, reason "history_archived", where older records are in
// archives. Needs the owner's login: no service reads all of it.
Result<Verification> verify(db::Connection& connection, audit::LeafKeys& keys, const std::string& tenant_id,
                            Timestamp now, const std::function<void(std::int64_t done, std::int64_t all)>& progress);

}  // namespace tenantry::replay
