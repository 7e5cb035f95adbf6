#include "shared/tenancy/tenants.h"

#include <set>

#include "shared/db/connection.h"
#include "shared/tenancy/slug.h"
#include "shared/text/text.h"

namespace tenantry::tenancy {

const char* const tenant_columns =
    "t.tenant_id, t.company_name, t.company_email, t.status, t.status_reason, t.resumes_to, t.trial_ends_at, "
    "t.status_note, t.status_since, t.plan, t.plan_version, t.locale, t.isolation_mode, t.deletion_due_at, "
    "t.provisioning_failed, t.vhost_ready, t.created_at, t.suspension, t.suspension_note";

namespace {

constexpr int candidates_at_once = 50;

Tenant read_tenant(const db::Row& row) {
  Tenant tenant;
  tenant.tenant_id = row.text(0);
  tenant.company_name = row.text(1);
  tenant.company_email = row.text(2);
  const auto status = status_from(row.text(3));
  TENANTRY_ASSERT(status);
  tenant.lifecycle = {*status, std::string(row.text(4)), status_from(row.text(5)), row.timestamp(6), {}};
  tenant.status_note = row.text(7);
  tenant.status_since = row.timestamp(8);
  tenant.plan = row.text(9);
  tenant.plan_version = static_cast<int>(row.int64(10));
  tenant.locale = row.text(11);
  tenant.isolation_mode = row.text(12);
  tenant.deletion_due_at = row.optional_timestamp(13);
  tenant.provisioning_failed = row.boolean(14);
  tenant.vhost_ready = row.boolean(15);
  tenant.created_at = row.timestamp(16);
  tenant.lifecycle.suspension = row.text(17);
  tenant.suspension_note = row.text(18);
  return tenant;
}

std::optional<Tenant> select_tenant(db::Transaction& tx, std::string_view tenant_id, const char* lock) {
  const auto rows = tx.exec(
      std::string("SELECT ") + tenant_columns + " FROM platform.tenants t WHERE tenant_id = $1" + lock, {tenant_id});
  if (rows.empty()) return std::nullopt;
  return read_tenant(rows[0]);
}

// Free candidates of a base, from number `from` on, in order.
std::vector<std::string> free_candidates(db::Transaction& tx, const std::string& base, int from) {
  std::vector<std::string> candidates;
  for (int n = from; n < from + candidates_at_once; ++n) {
    if (n == 1 && is_reserved_slug(base)) continue;
    candidates.push_back(slug_candidate(base, n));
  }
  const auto rows =
      tx.exec("SELECT tenant_id FROM platform.tenants WHERE tenant_id = ANY ($1)", {db::Param::array(candidates)});
  std::set<std::string, std::less<>> taken;
  for (const auto row : rows) taken.emplace(row.text(0));
  std::erase_if(candidates, [&](const std::string& slug) { return taken.contains(slug); });
  return candidates;
}

}  // namespace

std::optional<Tenant> find_tenant(db::Transaction& tx, std::string_view tenant_id) {
  return select_tenant(tx, tenant_id, "");
}

std::optional<Tenant> lock_tenant(db::Transaction& tx, std::string_view tenant_id) {
  return select_tenant(tx, tenant_id, " FOR UPDATE");
}

Result<Tenant> create_tenant(db::Transaction& tx, const NewTenant& tenant, IdGenerator& ids, Timestamp now) {
  const auto plan = tx.exec("SELECT max(version) FROM platform.plans WHERE plan = $1", {tenant.plan});
  if (plan[0].is_null(0)) return Error::invalid("/plan", "unknown_plan", "no plan is called " + tenant.plan);

  const auto cell = tx.exec("SELECT min(name) FROM platform.cells WHERE $1 = '' OR region = $1", {tenant.region});
  if (cell[0].is_null(0)) return Error::invalid("/region", "unknown_region", "no cell is in " + tenant.region);

  std::string base = slug_of(tenant.company_name);
  if (base.empty()) base = random_slug(ids);
  for (int from = 1;; from += candidates_at_once) {
    for (const auto& slug : free_candidates(tx, base, from)) {
      // A twin that is not committed yet makes this wait, then skip: no error, no retry.
      const auto made = tx.exec(
          "INSERT INTO platform.tenants (tenant_id, company_name, company_email, status, status_since, plan, "
          "plan_version, locale, trial_ends_at, created_at, updated_at, isolation_mode, cell, look_alikes) "
          "VALUES ($1, $2, $3, 'pending', $4, $5, $6, $7, $8, $4, $4, $9, $10, $11) ON CONFLICT DO NOTHING",
          {slug, tenant.company_name, tenant.company_email, now, tenant.plan, plan[0].int64(0), tenant.locale,
           now + tenant.trial, tenant.isolation_mode, cell[0].text(0),
           db::Param::array(text::look_alike_forms(tenant.company_name))});
      if (made.affected() == 1) return *find_tenant(tx, slug);
    }
  }
}

std::string preview_slug(db::Transaction& tx, std::string_view company_name, IdGenerator& ids) {
  std::string base = slug_of(company_name);
  if (base.empty()) base = random_slug(ids);
  for (int from = 1;; from += candidates_at_once) {
    const auto free = free_candidates(tx, base, from);
    if (!free.empty()) return free.front();
  }
}

}  // namespace tenantry::tenancy
