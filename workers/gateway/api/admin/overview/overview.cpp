// All tenants at a glance: how many there are of what, what they pay, and what wants somebody's attention.
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/db/connection.h"
#include "shared/tenancy/lifecycle.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

json tenants_by_status(db::Transaction& tx) {
  json out = json::object();
  for (const auto row : tx.exec("SELECT status, count(*) FROM platform.tenants GROUP BY status ORDER BY status")) {
    out[tenancy::written(*tenancy::status_from(row.text(0)))] = row.int64(1);
  }
  return out;
}

// Of what lives, and what those who pay come to in a month.
json plans(db::Transaction& tx) {
  json out = json::array();
  for (const auto row :
       tx.exec("SELECT t.plan, count(*), count(*) FILTER (WHERE t.status = 'active'), "
               "coalesce(sum(p.price_minor) FILTER (WHERE t.status = 'active'), 0)::bigint, p.currency "
               "FROM platform.tenants t JOIN platform.plans p ON p.plan = t.plan AND p.version = t.plan_version "
               "WHERE t.status <> 'deleted' GROUP BY t.plan, p.currency ORDER BY max(p.position), t.plan")) {
    out.push_back({{"plan", row.text(0)},
                   {"tenants", row.int64(1)},
                   {"paying", row.int64(2)},
                   {"recurring_monthly", {{"amount_minor", row.int64(3)}, {"currency", row.text(4)}}}});
  }
  return out;
}

json growth(db::Transaction& tx, Timestamp now) {
  const auto rows = tx.exec(
      "SELECT count(*) FILTER (WHERE created_at > $1::timestamptz - interval '1 day'), "
      "count(*) FILTER (WHERE created_at > $1::timestamptz - interval '7 days'), "
      "count(*) FILTER (WHERE created_at > $1::timestamptz - interval '30 days'), "
      "count(*) FILTER (WHERE status = 'trial' AND trial_ends_at < $1::timestamptz + interval '3 days') "
      "FROM platform.tenants",
      {now});
  const auto row = rows[0];
  return {{"signups_of_a_day", row.int64(0)},
          {"signups_of_7_days", row.int64(1)},
          {"signups_of_30_days", row.int64(2)},
          {"trials_that_end_within_3_days", row.int64(3)}};
}

json attention(db::Transaction& tx, Timestamp now) {
  const auto rows = tx.exec(
      "SELECT (SELECT count(*) FROM platform.tenants WHERE provisioning_failed), "
      "(SELECT count(*) FROM platform.tenants WHERE status = 'suspended' AND status_reason = 'payment_failed'), "
      "(SELECT count(*) FROM messaging.dead_letters WHERE state = 'waiting'), "
      "(SELECT count(*) FROM billing.stripe_events WHERE state = 'parked'), "
      "(SELECT greatest(0, extract(epoch FROM $1::timestamptz - min(available_at)))::bigint FROM messaging.outbox)",
      {now});
  const auto row = rows[0];
  return {{"provisioning_failed", row.int64(0)},
          {"suspended_for_payment", row.int64(1)},
          {"dead_letters", row.int64(2)},
          {"stripe_events_parked", row.int64(3)},
          {"oldest_event_to_publish_seconds", row.is_null(4) ? 0 : row.int64(4)}};
}

void overview(Services& services, const CallPtr& call) {
  const auto now = services.clock.now();
  change(services, call, [now](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    tell_read(outbox, events::platform_tenant, "overview");
    return json_response(200, {{"at", to_rfc3339(now)},
                               {"tenants", tenants_by_status(tx)},
                               {"plans", plans(tx)},
                               {"growth", growth(tx, now)},
                               {"attention", attention(tx, now)}});
  });
}

}  // namespace

namespace api {
Routes admin_overview() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/admin/overview", "adminOverview", Guard::admin, overview},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
