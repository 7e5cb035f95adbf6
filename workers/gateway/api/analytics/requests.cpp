#include "workers/gateway/api/analytics/requests.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace tenantry::gateway {
namespace {

Timestamp period_start(const ChartPeriod& period, Timestamp at) {
  if (period.name == chart_hours.name) return floor_hour(at);
  return period.name == chart_days.name ? floor_day(at) : floor_month(at);
}

// Months differ in length: one goes back from a start by way of the instant before it.
Timestamp first_period(const ChartPeriod& period, int count, Timestamp now) {
  auto at = period_start(period, now);
  for (int i = 1; i < count; ++i) at = period_start(period, at - Seconds{1});
  return at;
}

Timestamp period_end(const ChartPeriod& period, Timestamp now) {
  if (period.name == chart_months.name) return next_month(now);
  return period_start(period, now) + (period.name == chart_hours.name ? Seconds{3'600} : Seconds{86'400});
}

}  // namespace

Result<ChartRequest> parse_chart_request(const http::Request& request, std::span<const ChartPeriod> periods,
                                         Timestamp now) {
  const auto name = request.query_value("period").value_or(periods.front().name);
  const auto period = std::ranges::find(periods, name, &ChartPeriod::name);
  if (period == periods.end()) return Error::invalid("/period", "choice", "is none that this chart can be had in");
  int count = period->count_usual;
  if (const auto text = request.query_value("count")) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), count);
    if (error != std::errc{} || end != text->data() + text->size() || count < 1 || count > period->count_max) {
      return Error::invalid("/count", "integer",
                            "must be a whole number from 1 to " + std::to_string(period->count_max));
    }
  }
  const auto form = request.query_value("format").value_or("json");
  if (form != "json" && form != "csv") return Error::invalid("/format", "choice", "must be json or csv");
  return ChartRequest{.period = *period,
                      .from = first_period(*period, count, now),
                      .to = period_end(*period, now),
                      .form = form == "csv" ? ChartForm::csv : ChartForm::json};
}

}  // namespace tenantry::gateway
