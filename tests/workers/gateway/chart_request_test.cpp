#include <gtest/gtest.h>

#include "workers/gateway/api/analytics/requests.h"

namespace tenantry::gateway::chart_request_test {
namespace {

const Timestamp now = from_rfc3339("2026-03-31T13:45:10.5Z").value();
constexpr ChartPeriod all[] = {chart_days, chart_hours, chart_months};

TEST(ChartRequest, EndsWithThePeriodThatIsRunning) {
  struct Row {
    const char* period;
    const char* count;
    const char* from;
    const char* to;
  };
  for (const auto& row : {Row{"hour", "1", "2026-03-31T13:00:00Z", "2026-03-31T14:00:00Z"},
                          Row{"hour", "14", "2026-03-31T00:00:00Z", "2026-03-31T14:00:00Z"},
                          Row{"day", "1", "2026-03-31T00:00:00Z", "2026-04-01T00:00:00Z"},
                          Row{"day", "32", "2026-02-28T00:00:00Z", "2026-04-01T00:00:00Z"},
                          // A month before the 31st of March is February, not the 3rd of March.
                          Row{"month", "2", "2026-02-01T00:00:00Z", "2026-04-01T00:00:00Z"},
                          Row{"month", "36", "2023-04-01T00:00:00Z", "2026-04-01T00:00:00Z"}}) {
    const auto asked = parse_chart_request({.query = {{"period", row.period}, {"count", row.count}}}, all, now);
    ASSERT_TRUE(asked) << row.period << row.count;
    EXPECT_EQ(to_rfc3339(asked->from), row.from) << row.period << row.count;
    EXPECT_EQ(to_rfc3339(asked->to), row.to) << row.period << row.count;
  }
}

TEST(ChartRequest, HasItsUsualsAndItsBounds) {
  const auto usual = parse_chart_request({}, all, now);
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->period.name, "day");
  EXPECT_EQ(usual->to - usual->from, Days{30});
  EXPECT_EQ(usual->form, ChartForm::json);
  EXPECT_EQ(parse_chart_request({.query = {{"format", "csv"}}}, all, now)->form, ChartForm::csv);
  for (const auto& [name, value] :
       {std::pair{"count", "0"}, std::pair{"count", "93"}, std::pair{"count", "-1"}, std::pair{"count", "1.5"},
        std::pair{"count", ""}, std::pair{"count", "9999999999999"}, std::pair{"period", "week"},
        std::pair{"period", ""}, std::pair{"format", "xml"}}) {
    const auto refused = parse_chart_request({.query = {{name, value}}}, all, now);
    ASSERT_FALSE(refused) << name << "=" << value;
    EXPECT_EQ(refused.error().fields[0].pointer, "/" + std::string(name));
  }
  constexpr ChartPeriod of_months[] = {chart_months};
  EXPECT_FALSE(parse_chart_request({.query = {{"period", "hour"}}}, of_months, now));
}

}  // namespace
}  // namespace tenantry::gateway::chart_request_test
