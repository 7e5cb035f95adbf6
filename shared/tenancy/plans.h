// The plan catalogue of this build (plans.json) and the database's.
#pragma once

#include "shared/core/result.h"

namespace tenantry::db {
class Session;
}

namespace tenantry::tenancy {

// A plan whose entry changed becomes a new version; tenants keep the one they were sold. Returns how many versions are
// new. One process at a time.
Result<int> load_plans(db::Session& session);

}  // namespace tenantry::tenancy
