// What the tenant has used, and whether its plan allows more.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "workers/gateway/edge/usage_counts.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

constexpr int usage_rows_max = 10'000;

struct UsageFilter {
  std::string metric{};
  std::string span{};
  std::optional<Timestamp> from{};
  std::optional<Timestamp> to{};
};
json list_usage(db::Transaction& tx, std::string_view tenant_id, const UsageFilter& filter) {
  tx.set_tenant(tenant_id);
  json list = json::array();
  for (const auto row :
       tx.exec("SELECT metric, span, window_start, quantity, events FROM metering.counters WHERE tenant_id = $1 "
               "AND ($2 = '' OR metric = $2) AND ($3 = '' OR span = $3) "
               "AND ($4::timestamptz IS NULL OR window_start >= $4) AND ($5::timestamptz IS NULL OR window_start < $5) "
               "ORDER BY metric, span, window_start LIMIT $6",
               {tenant_id, filter.metric, filter.span, filter.from, filter.to, usage_rows_max})) {
    list.push_back({{"metric", row.text(0)},
                    {"span", row.text(1)},
                    {"window_start", to_rfc3339(row.timestamp(2))},
                    {"quantity", number(row.real(3))},
                    {"events", row.int64(4)}});
  }
  return list;
}

void read_usage(Services& services, const CallPtr& call) {
  UsageFilter filter{.metric = query(*call, "metric"), .span = query(*call, "span")};
  const auto from = query_time(call->request(), "from");
  if (!from) return services.refuse(call, from.error());
  const auto to = query_time(call->request(), "to");
  if (!to) return services.refuse(call, to.error());
  filter.from = *from;
  filter.to = *to;
  if (!filter.span.empty() && filter.span != "hour" && filter.span != "day" && filter.span != "month" &&
      filter.span != "total") {
    return services.refuse(call, Error::invalid("/span", "span", "must be hour, day, month or total"));
  }
  const bool summary = filter.metric.empty() && filter.span.empty() && !filter.from && !filter.to;
  const double calls = calls_known(services, call->tenant_id());
  read(services, call, [&services, call, filter, summary, calls](db::Transaction& tx) {
    if (!summary) return json_response(200, {{"usage", list_usage(tx, call->tenant_id(), filter)}});
    json metrics = json::array();
    for (const auto& metric : list_metrics(tx)) {
      metrics.push_back(
          {{"metric", metric.name},
           {"unit", metric.unit},
           {"quantity", number(used_now(tx, call->tenant_id(), metric, services.clock.now(), calls).quantity)},
           {"limit", tenancy::limit_of(call->tenant->limits, metric.limit_name)},
           {"hard", metric.hard}});
    }
    const auto now = services.clock.now();
    return json_response(200, {{"period_start", to_rfc3339(floor_month(now))},
                               {"period_end", to_rfc3339(next_month(now))},
                               {"metrics", std::move(metrics)}});
  });
}

void check_limit(Services& services, const CallPtr& call) {
  double quantity = 1;
  if (const auto text = call->request().query_value("quantity")) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), quantity);
    if (error != std::errc{} || end != text->data() + text->size() || !(quantity >= 0 && quantity < 1e15)) {
      return services.refuse(call, Error::invalid("/quantity", "number", "must be a number that is not negative"));
    }
  }
  const double calls = calls_known(services, call->tenant_id());
  read(
      services, call,
      [&services, call, name = query(*call, "metric"), quantity, calls](db::Transaction& tx) -> Result<http::Response> {
        const auto metrics = list_metrics(tx);
        const auto metric = std::ranges::find(metrics, name, &Metric::name);
        if (metric == metrics.end()) return Error::invalid("/metric", "metric", "must be a known metric");
        const double used = used_now(tx, call->tenant_id(), *metric, services.clock.now(), calls).taken;
        const auto limit = tenancy::limit_of(call->tenant->limits, metric->limit_name);
        const bool unlimited = limit < 0;
        const double left = std::max(0.0, static_cast<double>(limit) - used);
        return json_response(200, {{"allowed", unlimited || used + quantity <= static_cast<double>(limit)},
                                   {"metric", name},
                                   {"used", number(used)},
                                   {"limit", limit},
                                   {"hard", metric->hard},
                                   {"remaining", unlimited ? json(-1) : number(left)}});
      });
}

}  // namespace

namespace api {
Routes usage() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/usage", "usage", Guard::live, read_usage, {.permission = "usage:read"}},
      {Method::get, "/v1/limits/check", "checkLimit", Guard::live, check_limit, {.permission = "usage:read"}},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
