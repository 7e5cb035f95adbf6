// Charts: the statements behind them, and what they answer.
//
// A chart is one statement over the views of schema `analytics`. The text that is shown with a chart is the text that
// has run: an analyst who sets its parameters gets the same rows.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "shared/db/connection.h"
#include "workers/gateway/api/analytics/requests.h"

namespace tenantry::gateway {

struct ChartColumn {
  // instant: RFC 3339; money: the smallest unit of the row's currency, as an integer from the database to the page;
  // share: 0 to 1, or null.
  enum class Kind { instant, count, money, share, word };
  std::string_view name;
  Kind kind;
};

struct ChartQuery {
  std::string_view name;                 // in its path
  std::span<const ChartPeriod> periods;  // the usual first
  bool of_tenant;                        // $1 is the tenant, and what follows one later
  bool by_period;                        // its last parameter is the period; else it is by month
  std::string_view sql;                  // $1 from, $2 to, $3 period
  std::span<const ChartColumn> columns;
};

const ChartQuery* find_tenant_chart(std::string_view name);    // null: there is none
const ChartQuery* find_platform_chart(std::string_view name);  // over all tenants
std::span<const ChartQuery> tenant_charts();
std::span<const ChartQuery> platform_charts();

// As it is answered. Immutable: several answers share one.
struct Chart {
  std::string json;
  std::string csv;
};

// `tenant_id`: "" for a chart of the platform. The transaction must see what the chart is of. Throws db::TimedOut where
// the statement takes longer than chart_patience.
constexpr Milliseconds chart_patience{5'000};
Chart read_chart(db::Transaction& tx, const ChartQuery& query, const ChartRequest& request, std::string_view tenant_id,
                 Timestamp now);

}  // namespace tenantry::gateway
