// What analysts would ask, as charts: a tenant's own, the same for super-admins, and what all tenants come to.
//
// An answer is kept for five minutes: it costs a pass over a tenant's log, or over all tenants, and nobody needs it to
// the second. A super-admin's look is on record whether it is read anew or not.
#include "workers/gateway/api/analytics/charts.h"

#include "events/topology.h"
#include "shared/audit_search/reader.h"
#include "shared/tenancy/tenants.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using SharedChart = std::shared_ptr<const Chart>;

http::Response chart_response(const ChartQuery& query, ChartForm form, const Chart& chart) {
  if (form == ChartForm::json) return http::Response::json(200, chart.json);
  return {.status = 200,
          .headers = {{"Content-Type", "text/csv; charset=utf-8; header=present"},
                      {"Content-Disposition", "attachment; filename=\"" + std::string(query.name) + ".csv\""}},
          .body = chart.csv};
}

std::string chart_key(const ChartQuery& query, const ChartRequest& request, std::string_view tenant_id) {
  return std::string(tenant_id) + "/" + std::string(query.name) + "/" + std::string(request.period.name) + "/" +
         to_rfc3339(request.from) + "/" + to_rfc3339(request.to);
}

SharedChart kept_chart(Services& services, const std::string& key) {
  const auto found = services.caches.charts.find(key, services.monotonic());
  return found.value == nullptr ? nullptr : *found.value;
}

// On a lane.
SharedChart read_and_keep_chart(Services& services, db::Transaction& tx, const ChartQuery& query,
                                const ChartRequest& request, std::string_view tenant_id, const std::string& key) {
  auto chart = std::make_shared<const Chart>(read_chart(tx, query, request, tenant_id, services.clock.now()));
  services.loop.post([&services, key, chart] { services.caches.charts.put(key, chart, services.monotonic()); });
  return chart;
}

void tenant_chart(Services& services, const CallPtr& call) {
  const auto* const query = find_tenant_chart(call->path.at("chart"));
  if (query == nullptr) return services.refuse(call, nothing_here());
  const auto request = parse_chart_request(call->request(), query->periods, services.clock.now());
  if (!request) return services.refuse(call, request.error());
  const auto key = chart_key(*query, *request, call->tenant_id());
  if (const auto chart = kept_chart(services, key)) {
    return services.answer(call, chart_response(*query, request->form, *chart));
  }
  search(services, call,
         [&services, call, query, request = *request, key](db::Transaction& tx) -> Result<http::Response> {
           tx.set_tenant(call->tenant_id());
           const auto chart = read_and_keep_chart(services, tx, *query, request, call->tenant_id(), key);
           return chart_response(*query, request.form, *chart);
         });
}

// `tenant_id`: "" for all of them together.
void admin_chart(Services& services, const CallPtr& call, const ChartQuery* query, const std::string& tenant_id) {
  if (query == nullptr) return services.refuse(call, nothing_here());
  const auto request = parse_chart_request(call->request(), query->periods, services.clock.now());
  if (!request) return services.refuse(call, request.error());
  const auto key = chart_key(*query, *request, tenant_id);
  search_on_record(services, call,
                   [&services, call, query, request = *request, tenant_id, key, chart = kept_chart(services, key)](
                       db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
                     if (tenant_id.empty()) {
                       audit_search::allow_all_tenants(tx);
                     } else if (tenancy::find_tenant(tx, tenant_id)) {
                       tx.set_tenant(tenant_id);
                     } else {
                       return no_tenant(*call);
                     }
                     tell_read(outbox, tenant_id.empty() ? events::platform_tenant : std::string_view(tenant_id),
                               "analytics", query->name);
                     const auto shown =
                         chart ? chart : read_and_keep_chart(services, tx, *query, request, tenant_id, key);
                     return chart_response(*query, request.form, *shown);
                   });
}

void tenant_chart_for_admin(Services& services, const CallPtr& call) {
  admin_chart(services, call, find_tenant_chart(call->path.at("chart")), call->path.at("id"));
}

void platform_chart_for_admin(Services& services, const CallPtr& call) {
  admin_chart(services, call, find_platform_chart(call->path.at("chart")), {});
}

}  // namespace

namespace api {
Routes analytics() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/analytics/{chart}", "chart", Guard::live, tenant_chart, {.permission = "usage:read"}},
      {Method::get, "/v1/admin/analytics/{chart}", "adminChart", Guard::admin, platform_chart_for_admin},
      {Method::get, "/v1/admin/tenants/{id}/analytics/{chart}", "adminTenantChart", Guard::admin,
       tenant_chart_for_admin},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
