// Tenants' rows: making one (with its slug) and reading them.
//
// Functions run inside the caller's transaction and assume nothing about other
// rows. Changing a status is transition.h's business.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/ids.h"
#include "shared/core/result.h"
#include "shared/core/time.h"
#include "shared/tenancy/lifecycle.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::tenancy {

struct Tenant {
  std::string tenant_id;
  std::string company_name;
  std::string company_email;
  LifecycleState lifecycle;
  std::string status_note;
  std::string suspension_note;  // an admin's words, as long as the admin's suspension
  Timestamp status_since{};
  std::string plan;
  int plan_version = 0;
  std::string locale;
  std::string isolation_mode;
  std::optional<Timestamp> deletion_due_at;
  bool provisioning_failed = false;
  bool vhost_ready = false;
  Timestamp created_at{};
};

// Columns of Tenant, for queries that read more than these functions do; `read_tenant` reads them from column 0 on.
extern const char* const tenant_columns;

std::optional<Tenant> find_tenant(db::Transaction& tx, std::string_view tenant_id);
std::optional<Tenant> lock_tenant(db::Transaction& tx, std::string_view tenant_id);  // FOR UPDATE

struct NewTenant {
  std::string company_name;
  std::string company_email;
  std::string plan;  // must exist; its newest version is pinned
  std::string locale = "fr";
  Days trial{14};
  std::string isolation_mode = "pool";
  std::string region{};  // where its cell is; "": the first cell's
};

// Inserts a PENDING tenant under the first free slug of its name. Two at once get
// different slugs: the insert decides, not a look beforehand. Errors: invalid with
// pointer "/plan" for an unknown plan, "/region" for one without a cell.
Result<Tenant> create_tenant(db::Transaction& tx, const NewTenant& tenant, IdGenerator& ids, Timestamp now);

// The slug create_tenant would choose now.
std::string preview_slug(db::Transaction& tx, std::string_view company_name, IdGenerator& ids);

}  // namespace tenantry::tenancy
