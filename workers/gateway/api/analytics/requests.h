// What is asked of a chart: how much time, in which steps, in which form. Pure.
#pragma once

#include <span>
#include <string_view>

#include "shared/core/result.h"
#include "shared/core/time.h"
#include "shared/http/message.h"

namespace tenantry::gateway {

// A length of time in UTC. So many of them at most, the running one among them, so that a chart has a bound.
struct ChartPeriod {
  std::string_view name;  // as PostgreSQL and the query of an address call it
  int count_usual;
  int count_max;
};
constexpr ChartPeriod chart_hours{"hour", 48, 168};
constexpr ChartPeriod chart_days{"day", 30, 92};
constexpr ChartPeriod chart_months{"month", 12, 36};

enum class ChartForm { json, csv };

struct ChartRequest {
  ChartPeriod period;
  Timestamp from{};  // where the first period begins
  Timestamp to{};    // where the last one, which is running, ends
  ChartForm form = ChartForm::json;
};

// `periods`: that the chart can be had in, the usual first. Errc::invalid of /period, /count or /format.
Result<ChartRequest> parse_chart_request(const http::Request& request, std::span<const ChartPeriod> periods,
                                         Timestamp now);

}  // namespace tenantry::gateway
