#include "workers/gateway/api/admin/tenants/store.h"

#include <nlohmann/json.hpp>

#include "shared/core/csv.h"
#include "shared/db/connection.h"
#include "shared/tenancy/tenants.h"

namespace tenantry::gateway::store {
namespace {

using nlohmann::json;

std::string status(const db::Row& row, int column) {
  return tenancy::written(*tenancy::status_from(row.text(column)));
}

constexpr const char* summary_columns =
    "t.tenant_id, t.company_name, t.status, t.status_reason, t.status_since, t.plan, t.trial_ends_at, "
    "t.deletion_due_at, t.provisioning_failed, t.vhost_ready, t.created_at, "
    // Of a name that thousands have, some will do: each row of a list asks.
    "array_to_json(ARRAY(SELECT o.tenant_id FROM (SELECT a.tenant_id, a.created_at FROM platform.tenants a "
    "WHERE a.look_alikes && t.look_alikes AND a.status <> 'deleted' AND a.tenant_id <> t.tenant_id LIMIT 100) AS o "
    "ORDER BY o.created_at, o.tenant_id LIMIT 5))::text ";

json summary_of(const db::Row& row) {
  return {{"tenant_id", row.text(0)},
          {"company_name", row.text(1)},
          {"status", status(row, 2)},
          {"status_reason", row.text(3)},
          {"status_since", to_rfc3339(row.timestamp(4))},
          {"plan", row.text(5)},
          {"trial_ends_at", to_rfc3339(row.timestamp(6))},
          {"deletion_due_at", instant(row, 7)},
          {"provisioning_failed", row.boolean(8)},
          {"vhost_ready", row.boolean(9)},
          {"created_at", to_rfc3339(row.timestamp(10))},
          {"look_alikes", json::parse(row.text(11))}};
}

json history_of(db::Transaction& tx, std::string_view tenant_id) {
  json history = json::array();
  for (const auto row : tx.exec("SELECT event_id, from_status, to_status, trigger, reason, at "
                                "FROM platform.lifecycle_history WHERE tenant_id = $1 ORDER BY at, event_id",
                                {tenant_id})) {
    history.push_back({{"event_id", row.text(0)},
                       {"from", row.is_null(1) ? json(nullptr) : json(status(row, 1))},
                       {"to", status(row, 2)},
                       {"trigger", row.text(3)},
                       {"reason", row.text(4)},
                       {"at", to_rfc3339(row.timestamp(5))}});
  }
  return history;
}

json holds_of(db::Transaction& tx, std::string_view tenant_id) {
  json holds = json::array();
  for (const auto row :
       tx.exec("SELECT hold, reason, ends_at FROM platform.holds WHERE tenant_id = $1 ORDER BY hold", {tenant_id})) {
    holds.push_back({{"hold", row.text(0)}, {"reason", row.text(1)}, {"ends_at", to_rfc3339(row.timestamp(2))}});
  }
  return holds;
}

json sagas_of(db::Transaction& tx, std::string_view tenant_id) {
  tx.set_tenant(tenant_id);
  json sagas = json::array();
  for (const auto row : tx.exec("SELECT saga, state, attempt, error, started_at, updated_at FROM provisioning.sagas "
                                "WHERE tenant_id = $1 ORDER BY saga",
                                {tenant_id})) {
    json steps = json::array();
    for (const auto step : tx.exec("SELECT step, state, error, duration_ms, updated_at FROM provisioning.steps "
                                   "WHERE tenant_id = $1 AND saga = $2 ORDER BY position",
                                   {tenant_id, row.text(0)})) {
      steps.push_back({{"step", step.text(0)},
                       {"state", step.text(1)},
                       {"error", step.text(2)},
                       {"duration_ms", step.int64(3)},
                       {"updated_at", to_rfc3339(step.timestamp(4))}});
    }
    sagas.push_back({{"saga", row.text(0)},
                     {"state", row.text(1)},
                     {"attempt", row.int64(2)},
                     {"error", row.text(3)},
                     {"started_at", to_rfc3339(row.timestamp(4))},
                     {"updated_at", to_rfc3339(row.timestamp(5))},
                     {"steps", std::move(steps)}});
  }
  return sagas;
}

// ---- lists

constexpr int exported_max = 20'000;
constexpr int key_column = 12;

struct TenantKey {
  const char* sql;
  const char* type;
};
TenantKey key_of(TenantsRequest::Order order) {
  using Order = TenantsRequest::Order;
  switch (order) {
    case Order::created_at:
      return {"t.created_at", "timestamptz"};
    case Order::status_since:
      return {"t.status_since", "timestamptz"};
    case Order::plan:
      return {"t.plan", "text"};
    case Order::status:  // as a life goes
      return {
          "array_position(ARRAY['pending', 'trial', 'active', 'suspended', 'cancelled', 'deleted'], t.status)::text",
          "text"};
    case Order::company_name:  // as much of it as a cursor holds; a line of one ends at a new line
      return {"left(lower(translate(t.company_name, E'\\n\\r', '  ')), 60) COLLATE \"und-x-icu\"", "text"};
  }
  TENANTRY_ASSERT(false);
}

// By part of what all see of it; by the whole of what would tell of others: each of these is looked up by its index.
constexpr const char* tenants_found =
    "FROM platform.tenants t WHERE ($1 = '' OR t.status = $1) "
    "AND ($2 = '' OR strpos(t.tenant_id, lower($2)) > 0 OR strpos(lower(t.company_name), lower($2)) > 0 "
    "OR t.tenant_id IN (SELECT d.tenant_id FROM platform.tenants d WHERE d.custom_domain = $3 "
    "UNION ALL SELECT c.tenant_id FROM platform.tenants c WHERE lower(c.company_email) = $4 AND $4 <> '' "
    "UNION ALL SELECT m.tenant_id FROM platform.users u JOIN platform.memberships m ON m.user_id = u.user_id "
    "WHERE u.email = $4 AND m.role = 'owner' AND m.state <> 'removed' "
    "UNION ALL SELECT l.tenant_id FROM billing.stripe_links l WHERE l.stripe_object_id = $2 "
    "UNION ALL SELECT s.tenant_id FROM platform.signups s WHERE s.signup_id = $5::uuid)) ";

// `each(row)`; the key is its column `key_column`.
template <class Each>
void read_tenants(db::Transaction& tx, const TenantsRequest& request, int rows, const Each& each) {
  const auto key = key_of(request.order);
  const auto sql = std::string("SELECT ") + summary_columns + ", " + key.sql + " " + tenants_found +
                   "AND ($6::" + key.type + " IS NULL OR (" + key.sql + ", t.tenant_id) " +
                   (request.descending ? "<" : ">") + " ($6::" + key.type + ", $7)) ORDER BY " + key.sql +
                   (request.descending ? " DESC" : "") + ", t.tenant_id" + (request.descending ? " DESC" : "") +
                   " LIMIT $8";
  const auto& after = request.after;
  const auto exact = request.signup_id ? db::Param(*request.signup_id) : db::Param(nullptr);
  for (const auto row : tx.exec(sql, {request.status, request.words, request.domain, request.email, exact,
                                      after ? db::Param(after->key) : db::Param(nullptr),
                                      after ? db::Param(after->tenant_id) : db::Param(nullptr), rows})) {
    each(row);
  }
}

TenantsRequest::Place place_of(const TenantsRequest& request, const db::Row& row) {
  const bool by_time = std::string_view(key_of(request.order).type) != "text";
  return {.key = by_time ? to_rfc3339(row.timestamp(key_column)) : std::string(row.text(key_column)),
          .tenant_id = std::string(row.text(0))};
}

constexpr std::string_view tenants_csv_header =
    "tenant_id,company_name,status,status_reason,status_since,plan,trial_ends_at,deletion_due_at,provisioning_failed,"
    "created_at,look_alikes\r\n";

void append_tenant(std::string& out, const json& tenant) {
  std::string alike;
  for (const auto& each : tenant.at("look_alikes")) alike += (alike.empty() ? "" : " ") + each.get<std::string>();
  const auto text = [&tenant](const char* name) {
    const auto& value = tenant.at(name);
    return value.is_string() ? value.get<std::string>() : value.is_null() ? std::string() : value.dump();
  };
  append_csv_field(out, text("tenant_id"));
  for (const char* name : {"company_name", "status", "status_reason", "status_since", "plan", "trial_ends_at",
                           "deletion_due_at", "provisioning_failed", "created_at"}) {
    out += ',';
    append_csv_field(out, text(name));
  }
  out += ',';
  append_csv_field(out, alike);
  out += "\r\n";
}

}  // namespace

TenantPage list_tenants(db::Transaction& tx, const TenantsRequest& request) {
  TenantPage page{.tenants = json::array()};
  TenantsRequest::Place last;
  read_tenants(tx, request, request.limit + 1, [&](const db::Row& row) {
    if (static_cast<int>(page.tenants.size()) == request.limit) {
      page.next_cursor = tenants_cursor(request, last);
      return;
    }
    last = place_of(request, row);
    page.tenants.push_back(summary_of(row));
  });
  return page;
}

Result<std::string> export_tenants(db::Transaction& tx, const TenantsRequest& request) {
  std::string out{tenants_csv_header};
  int rows = 0;
  read_tenants(tx, request, exported_max + 1, [&](const db::Row& row) {
    if (++rows <= exported_max) append_tenant(out, summary_of(row));
  });
  if (rows > exported_max) {
    return Error::conflict("too_many_rows", "more than " + std::to_string(exported_max) +
                                                " tenants match: search for fewer, or go through the pages");
  }
  return out;
}

json tenant_stats(db::Transaction& tx) {
  json stats = {{"total", 0}};
  for (const auto status : tenancy::all_statuses) stats[std::string(tenancy::to_string(status))] = 0;
  std::int64_t total = 0;
  for (const auto row : tx.exec("SELECT status, count(*) FROM platform.tenants GROUP BY status")) {
    stats[std::string(row.text(0))] = row.int64(1);
    total += row.int64(1);
  }
  stats["total"] = total;
  return stats;
}

std::optional<json> read_tenant(db::Transaction& tx, std::string_view tenant_id) {
  const auto rows =
      tx.exec(std::string("SELECT ") + summary_columns +
                  ", t.company_email, t.status_note, t.resumes_to, t.plan_version, t.locale, "
                  "t.isolation_mode, t.cell, t.custom_domain FROM platform.tenants t WHERE tenant_id = $1",
              {tenant_id});
  if (rows.empty()) return std::nullopt;
  const auto row = rows[0];
  json tenant = summary_of(row);
  tenant["company_email"] = row.text(12);
  tenant["status_note"] = row.text(13);
  tenant["resumes_to"] = row.is_null(14) ? json(nullptr) : json(row.text(14));
  tenant["plan_version"] = row.int64(15);
  tenant["locale"] = row.text(16);
  tenant["isolation_mode"] = row.text(17);
  tenant["cell"] = row.text(18);
  tenant["custom_domain"] = row.is_null(19) ? json(nullptr) : json(row.text(19));
  tenant["history"] = history_of(tx, tenant_id);
  tenant["holds"] = holds_of(tx, tenant_id);
  tenant["sagas"] = sagas_of(tx, tenant_id);
  return tenant;
}

void place_hold(db::Transaction& tx, std::string_view tenant_id, const HoldRequest& hold) {
  tx.exec(
      "INSERT INTO platform.holds (tenant_id, hold, reason, ends_at) VALUES ($1, $2, $3, $4) "
      "ON CONFLICT (tenant_id, hold) DO UPDATE SET reason = excluded.reason, ends_at = excluded.ends_at",
      {tenant_id, hold.hold, hold.reason, hold.ends_at});
}

bool release_hold(db::Transaction& tx, std::string_view tenant_id, std::string_view hold) {
  return tx.exec("DELETE FROM platform.holds WHERE tenant_id = $1 AND hold = $2", {tenant_id, hold}).affected() == 1;
}

std::optional<Timestamp> legal_hold_end(db::Transaction& tx, std::string_view tenant_id, Timestamp now) {
  const auto rows = tx.exec(
      "SELECT ends_at FROM platform.holds WHERE tenant_id = $1 AND hold = 'legal' AND ends_at > $2", {tenant_id, now});
  if (rows.empty()) return std::nullopt;
  return rows[0].timestamp(0);
}

bool clear_provisioning_failure(db::Transaction& tx, std::string_view tenant_id, Timestamp now) {
  return tx.exec(
               "UPDATE platform.tenants SET provisioning_failed = false, updated_at = $2 "
               "WHERE tenant_id = $1 AND status = 'pending' AND provisioning_failed",
               {tenant_id, now})
             .affected() == 1;
}

}  // namespace tenantry::gateway::store
