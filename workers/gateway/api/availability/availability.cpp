// What was promised and what was kept: the share of requests without a 5xx in 30 days, of all and of each tenant, and
// what is left of the error budget (docs/observability.md).
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/db/connection.h"
#include "workers/gateway/edge/availability.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

constexpr Days window{30};
constexpr int worst_max = 20;

json figures(std::int64_t requests, std::int64_t failed, std::int64_t slow) {
  const auto part = [&](std::int64_t some) {
    return requests == 0 ? 1.0 : 1 - static_cast<double>(some) / static_cast<double>(requests);
  };
  return {{"requests", requests},
          {"failed", failed},
          {"slow", slow},
          {"availability", part(failed)},
          {"within_250_ms", part(slow)},
          {"budget_left", budget_left(requests, failed)}};
}

json sum_since(db::Transaction& tx, std::string_view tenant_id, Timestamp since) {
  const auto rows = tx.exec(
      "SELECT coalesce(sum(requests), 0)::bigint, coalesce(sum(failed), 0)::bigint, coalesce(sum(slow), 0)::bigint "
      "FROM platform.availability WHERE hour >= $1 AND ($2 = '' OR tenant_id = $2)",
      {since, tenant_id});
  const auto row = rows[0];
  return figures(row.int64(0), row.int64(1), row.int64(2));
}

// Whose budget is burnt most, of those where anything failed.
json worst_since(db::Transaction& tx, Timestamp since) {
  json out = json::array();
  for (const auto row : tx.exec(
           "SELECT tenant_id, sum(requests)::bigint, sum(failed)::bigint, sum(slow)::bigint FROM platform.availability "
           "WHERE hour >= $1 AND tenant_id <> $2 GROUP BY tenant_id HAVING sum(failed) > 0 "
           "ORDER BY sum(failed) / sum(requests) DESC, tenant_id LIMIT $3",
           {since, events::platform_tenant, worst_max})) {
    auto each = figures(row.int64(1), row.int64(2), row.int64(3));
    each["tenant_id"] = row.text(0);
    out.push_back(std::move(each));
  }
  return out;
}

json days_since(db::Transaction& tx, std::string_view tenant_id, Timestamp since) {
  json out = json::array();
  for (const auto row : tx.exec(
           "SELECT date_trunc('day', hour, 'UTC') AS day, sum(requests)::bigint, sum(failed)::bigint, "
           "sum(slow)::bigint FROM platform.availability WHERE hour >= $1 AND tenant_id = $2 GROUP BY day ORDER BY day",
           {since, tenant_id})) {
    auto each = figures(row.int64(1), row.int64(2), row.int64(3));
    each["day"] = to_rfc3339(row.timestamp(0)).substr(0, 10);
    out.push_back(std::move(each));
  }
  return out;
}

void of_all(Services& services, const CallPtr& call) {
  const auto since = services.clock.now() - window;
  change(services, call, [since](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    tell_read(outbox, events::platform_tenant, "availability");
    auto answer = sum_since(tx, "", since);
    answer["target"] = availability_target;
    answer["days"] = window.count();
    answer["worst"] = worst_since(tx, since);
    return json_response(200, answer);
  });
}

http::Response availability_of(db::Transaction& tx, std::string_view tenant_id, Timestamp since) {
  auto answer = sum_since(tx, tenant_id, since);
  answer["target"] = availability_target;
  answer["days"] = window.count();
  answer["by_day"] = days_since(tx, tenant_id, since);
  return json_response(200, answer);
}

void of_one(Services& services, const CallPtr& call) {
  const auto since = services.clock.now() - window;
  change(services, call, [since, call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto& tenant_id = call->path.at("id");
    if (tx.exec("SELECT FROM platform.tenants WHERE tenant_id = $1", {tenant_id}).empty()) return no_tenant(*call);
    tell_read(outbox, tenant_id, "availability");
    return availability_of(tx, tenant_id, since);
  });
}

void own_availability(Services& services, const CallPtr& call) {
  const auto since = services.clock.now() - window;
  read(services, call, [since, call](db::Transaction& tx) -> Result<http::Response> {
    return availability_of(tx, call->tenant_id(), since);
  });
}

}  // namespace

namespace api {
Routes availability() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/availability", "availability", Guard::live, own_availability, {.permission = "usage:read"}},
      {Method::get, "/v1/admin/availability", "adminAvailability", Guard::admin, of_all},
      {Method::get, "/v1/admin/tenants/{id}/availability", "adminTenantAvailability", Guard::admin, of_one},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
