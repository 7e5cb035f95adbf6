#include "workers/gateway/api/analytics/charts.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

namespace tenantry::gateway {
namespace {

using nlohmann::json;
using ColumnKind = ChartColumn::Kind;

constexpr ChartPeriod any_period[] = {chart_days, chart_hours, chart_months};
constexpr ChartPeriod days_and_months[] = {chart_days, chart_months};
constexpr ChartPeriod months_and_days[] = {chart_months, chart_days};
constexpr ChartPeriod months_alone[] = {chart_months};

// Records by when they were recorded: whole months that are not asked for are not read.
constexpr std::string_view activity_sql = R"(WITH periods AS (
  SELECT utc AT TIME ZONE 'UTC' AS period
  FROM generate_series($2::timestamptz AT TIME ZONE 'UTC', $3::timestamptz AT TIME ZONE 'UTC' - interval '1 second',
                       ('1 ' || $4)::interval) AS utc
), recorded AS (
  SELECT date_trunc($4, recorded_at, 'UTC') AS period, count(*) AS events,
         count(*) FILTER (WHERE outcome = 'failure') AS failures
  FROM analytics.audit_events
  WHERE tenant_id = $1 AND recorded_at >= $2 AND recorded_at < $3
  GROUP BY 1
)
SELECT period, coalesce(events, 0) AS events, coalesce(failures, 0) AS failures
FROM periods LEFT JOIN recorded USING (period)
ORDER BY period)";

constexpr std::string_view api_calls_sql = R"(WITH periods AS (
  SELECT utc AT TIME ZONE 'UTC' AS period
  FROM generate_series($2::timestamptz AT TIME ZONE 'UTC', $3::timestamptz AT TIME ZONE 'UTC' - interval '1 second',
                       ('1 ' || $4)::interval) AS utc
)
SELECT period, coalesce(u.quantity, 0)::bigint AS calls
FROM periods
LEFT JOIN analytics.usage u
  ON u.tenant_id = $1 AND u.metric = 'api_calls' AND u.span = $4 AND u.window_start = periods.period
ORDER BY period)";

constexpr std::string_view users_sql = R"(WITH periods AS (
  SELECT utc AT TIME ZONE 'UTC' AS period, (utc + ('1 ' || $4)::interval) AT TIME ZONE 'UTC' AS next_period
  FROM generate_series($2::timestamptz AT TIME ZONE 'UTC', $3::timestamptz AT TIME ZONE 'UTC' - interval '1 second',
                       ('1 ' || $4)::interval) AS utc
), seen AS (
  SELECT date_trunc($4, recorded_at, 'UTC') AS period, count(DISTINCT actor_id) AS active
  FROM analytics.audit_events
  WHERE tenant_id = $1 AND recorded_at >= $2 AND recorded_at < $3 AND actor_kind = 'user'
  GROUP BY 1
)
SELECT period, coalesce(active, 0) AS active,
       (SELECT count(*) FROM analytics.members m
        WHERE m.tenant_id = $1 AND m.joined_at < next_period AND coalesce(m.left_at, 'infinity') >= next_period)
         AS members
FROM periods LEFT JOIN seen USING (period)
ORDER BY period)";

constexpr std::string_view revenue_sql =
    R"(SELECT date_trunc($3, at, 'UTC') AS period, currency, count(*) FILTER (WHERE paid_minor > 0) AS payments,
       sum(paid_minor)::bigint AS paid_minor, sum(returned_minor)::bigint AS returned_minor,
       (sum(paid_minor) - sum(returned_minor))::bigint AS net_minor
FROM analytics.revenue
WHERE at >= $1 AND at < $2
GROUP BY 1, 2
ORDER BY 1, 2
LIMIT 1000)";

constexpr std::string_view mrr_sql = R"(SELECT month AS period, plan, currency, tenants, mrr_minor
FROM analytics.mrr_by_plan
WHERE month >= $1 AND month < $2
ORDER BY month, currency, plan
LIMIT 1000)";

constexpr std::string_view churn_sql = R"(SELECT month AS period, active_before, churned, churn_rate
FROM analytics.churn_by_month
WHERE month >= $1 AND month < $2
ORDER BY month
LIMIT 1000)";

constexpr std::string_view cohorts_sql = R"(SELECT signup_month, month AS period, signups, paying
FROM analytics.cohorts_by_month
WHERE signup_month >= $1 AND signup_month < $2 AND month < $2
ORDER BY signup_month, month
LIMIT 1000)";

constexpr ChartColumn activity_columns[] = {
    {"period", ColumnKind::instant}, {"events", ColumnKind::count}, {"failures", ColumnKind::count}};
constexpr ChartColumn api_calls_columns[] = {{"period", ColumnKind::instant}, {"calls", ColumnKind::count}};
constexpr ChartColumn users_columns[] = {
    {"period", ColumnKind::instant}, {"active", ColumnKind::count}, {"members", ColumnKind::count}};
constexpr ChartColumn revenue_columns[] = {{"period", ColumnKind::instant},       {"currency", ColumnKind::word},
                                           {"payments", ColumnKind::count},       {"paid_minor", ColumnKind::money},
                                           {"returned_minor", ColumnKind::money}, {"net_minor", ColumnKind::money}};
constexpr ChartColumn mrr_columns[] = {{"period", ColumnKind::instant},
                                       {"plan", ColumnKind::word},
                                       {"currency", ColumnKind::word},
                                       {"tenants", ColumnKind::count},
                                       {"mrr_minor", ColumnKind::money}};
constexpr ChartColumn churn_columns[] = {{"period", ColumnKind::instant},
                                         {"active_before", ColumnKind::count},
                                         {"churned", ColumnKind::count},
                                         {"churn_rate", ColumnKind::share}};
constexpr ChartColumn cohorts_columns[] = {{"signup_month", ColumnKind::instant},
                                           {"period", ColumnKind::instant},
                                           {"signups", ColumnKind::count},
                                           {"paying", ColumnKind::count}};

constexpr ChartQuery tenant_chart_list[] = {
    {"activity", any_period, true, true, activity_sql, activity_columns},
    {"api-calls", any_period, true, true, api_calls_sql, api_calls_columns},
    {"users", days_and_months, true, true, users_sql, users_columns},
};
constexpr ChartQuery platform_chart_list[] = {
    {"revenue", months_and_days, false, true, revenue_sql, revenue_columns},
    {"mrr", months_alone, false, false, mrr_sql, mrr_columns},
    {"churn", months_alone, false, false, churn_sql, churn_columns},
    {"cohorts", months_alone, false, false, cohorts_sql, cohorts_columns},
};

const ChartQuery* find_chart(std::span<const ChartQuery> charts, std::string_view name) {
  const auto at = std::ranges::find(charts, name, &ChartQuery::name);
  return at == charts.end() ? nullptr : &*at;
}

std::string_view chart_kind_name(ColumnKind kind) {
  switch (kind) {
    case ColumnKind::instant:
      return "instant";
    case ColumnKind::count:
      return "count";
    case ColumnKind::money:
      return "money";
    case ColumnKind::share:
      return "share";
    case ColumnKind::word:
      return "word";
  }
  return {};
}

json chart_value(const db::Row& row, int column, ColumnKind kind) {
  if (row.is_null(column)) return nullptr;
  switch (kind) {
    case ColumnKind::instant:
      return to_rfc3339(row.timestamp(column));
    case ColumnKind::count:
    case ColumnKind::money:
      return row.int64(column);
    case ColumnKind::share:
      return row.real(column);
    case ColumnKind::word:
      return row.text(column);
  }
  return nullptr;
}

// No field needs quotes: times, numbers, and names of plans and currencies, which are of letters and digits.
std::string chart_csv_field(const json& value) {
  if (value.is_null()) return {};
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

std::span<const ChartQuery> tenant_charts() {
  return tenant_chart_list;
}
std::span<const ChartQuery> platform_charts() {
  return platform_chart_list;
}
const ChartQuery* find_tenant_chart(std::string_view name) {
  return find_chart(tenant_chart_list, name);
}
const ChartQuery* find_platform_chart(std::string_view name) {
  return find_chart(platform_chart_list, name);
}

Chart read_chart(db::Transaction& tx, const ChartQuery& query, const ChartRequest& request, std::string_view tenant_id,
                 Timestamp now) {
  std::vector<db::Param> values;
  json shown = json::array();
  const auto add = [&](std::string text) {
    shown.push_back(text);
    values.emplace_back(std::move(text));
  };
  if (query.of_tenant) add(std::string(tenant_id));
  add(to_rfc3339(request.from));
  add(to_rfc3339(request.to));
  if (query.by_period) add(std::string(request.period.name));

  Chart chart;
  json columns = json::array();
  for (const auto& column : query.columns) {
    columns.push_back({{"name", column.name}, {"kind", chart_kind_name(column.kind)}});
    chart.csv.append(chart.csv.empty() ? "" : ",").append(column.name);
  }
  chart.csv += "\r\n";
  json rows = json::array();
  for (const auto row : tx.exec_within(chart_patience, query.sql, values)) {
    json each = json::object();
    std::string line;
    for (std::size_t i = 0; i < query.columns.size(); ++i) {
      auto value = chart_value(row, static_cast<int>(i), query.columns[i].kind);
      line.append(i == 0 ? "" : ",").append(chart_csv_field(value));
      each[std::string(query.columns[i].name)] = std::move(value);
    }
    chart.csv += line + "\r\n";
    rows.push_back(std::move(each));
  }
  chart.json = json{{"chart", query.name},
                    {"period", request.period.name},
                    {"from", to_rfc3339(request.from)},
                    {"to", to_rfc3339(request.to)},
                    {"at", to_rfc3339(now)},
                    {"columns", std::move(columns)},
                    {"rows", std::move(rows)},
                    {"sql", query.sql},
                    {"parameters", std::move(shown)}}
                   .dump();
  return chart;
}

}  // namespace tenantry::gateway
