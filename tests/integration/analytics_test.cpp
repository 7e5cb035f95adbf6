// Goal: analysts' views say what docs/analytics.md promises: every view and column is
// described, every statement of the page runs as an analyst, and the figures are right.
// Method: sweeps over pg_catalog; the page read as it is; a small world of known history.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/services.h"
#include "tests/support/source_path.h"

namespace tenantry::analytics_test {
namespace {

using testing::TestDatabase;

class Analytics : public ::testing::Test {
 protected:
  // Signed up, in trial an hour later, then whatever the history says.
  void add(const std::string& tenant, const std::string& created_at,
           const std::vector<std::pair<std::string, std::string>>& history = {}) {
    database.add_tenant(tenant);
    database.exec("superuser", "UPDATE platform.tenants SET created_at = $2 WHERE tenant_id = $1",
                  {tenant, created_at});
    database.exec("superuser", "DELETE FROM platform.lifecycle_history WHERE tenant_id = $1", {tenant});
    for (const auto& [at, status] : history) {
      database.exec("superuser",
                    "INSERT INTO platform.lifecycle_history (tenant_id, event_id, to_status, trigger, at) "
                    "VALUES ($1, gen_random_uuid(), $3, 'test', $2)",
                    {tenant, at, status});
    }
  }

  // Rows of an analyst's statement, columns joined by spaces.
  std::vector<std::string> rows(const std::string& sql) {
    std::vector<std::string> out;
    const auto found = database.exec("analyst", "SELECT concat_ws(' ', " + sql);
    for (const auto row : found) out.emplace_back(row.text(0));
    return out;
  }

  TestDatabase database;
};

TEST_F(Analytics, EveryViewAndColumnIsDescribed) {
  const auto silent = database.exec(
      "superuser",
      "SELECT c.relname || coalesce('.' || a.attname, '') FROM pg_class c LEFT JOIN LATERAL (SELECT attname, attnum "
      "FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 UNION ALL SELECT NULL, 0) a ON true WHERE "
      "c.relnamespace "
      "= 'analytics'::regnamespace AND c.relkind IN ('v', 'r', 'm') AND coalesce(CASE WHEN a.attnum = 0 THEN "
      "obj_description(c.oid, 'pg_class') ELSE col_description(c.oid, a.attnum) END, '') = ''");
  for (const auto row : silent) ADD_FAILURE() << row.text(0);
}

TEST_F(Analytics, StatementsOfThePageRun) {
  add("acme", "2026-01-05T10:00:00Z", {{"2026-01-05T11:00:00Z", "trial"}, {"2026-01-20T00:00:00Z", "active"}});
  std::ifstream page(source_path("docs/analytics.md"));
  std::string statement;
  int statements = 0;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line == "```sql") {
      inside = true;
      statement.clear();
    } else if (inside && line == "```") {
      inside = false;
      ++statements;
      EXPECT_NO_THROW(database.exec("analyst", statement)) << statement;
    } else if (inside) {
      statement += line + "\n";
    }
  }
  EXPECT_GE(statements, 14);
}

TEST_F(Analytics, FunnelAndCohortsFollowTheWeekOfSignup) {
  add("one", "2026-01-05T00:00:00Z",
      {{"2026-01-05T01:00:00Z", "trial"}, {"2026-01-14T01:00:00Z", "active"}, {"2026-02-03T00:00:00Z", "cancelled"}});
  add("two", "2026-01-11T23:59:59Z", {{"2026-01-12T00:00:00Z", "trial"}, {"2026-01-26T00:00:00Z", "suspended"}});
  add("three", "2026-01-07T00:00:00Z");
  add("four", "2026-01-12T00:00:00Z", {{"2026-01-12T01:00:00Z", "trial"}, {"2026-01-13T00:00:00Z", "active"}});
  EXPECT_EQ(rows("signup_week::date, signups, trials, activations, activation_rate) FROM analytics.funnel_by_week "
                 "ORDER BY signup_week"),
            (std::vector<std::string>{"2026-01-05 3 2 1 0.3333", "2026-01-12 1 1 1 1.0000"}));
  // The trial that began with the first instant of the second week is not in the first.
  EXPECT_EQ(rows("week, signups, live, active) FROM analytics.cohorts_by_week WHERE signup_week = '2026-01-05' "
                 "AND week < 5 ORDER BY week"),
            (std::vector<std::string>{"0 3 1 0", "1 3 2 1", "2 3 2 1", "3 3 1 1", "4 3 0 0"}));
}

TEST_F(Analytics, RevenueAndChurnAreThoseOfTheMonthsEnd) {
  const auto price =
      database.value("SELECT price_minor::text FROM platform.plans WHERE plan = 'STARTER' AND version = 1");
  add("stays", "2026-01-01T00:00:00Z", {{"2026-01-10T00:00:00Z", "active"}});
  add("leaves", "2026-01-01T00:00:00Z", {{"2026-01-31T23:00:00Z", "active"}, {"2026-02-28T23:59:59Z", "cancelled"}});
  add("comes", "2026-02-01T00:00:00Z", {{"2026-02-02T00:00:00Z", "trial"}, {"2026-03-01T00:00:00Z", "active"}});
  const auto times = [&](int many) { return std::to_string(std::stoll(price) * many); };
  EXPECT_EQ(rows("month::date, tenants, mrr_minor, new_minor) FROM analytics.mrr_by_month WHERE month < '2026-04-01' "
                 "ORDER BY month"),
            (std::vector<std::string>{"2026-01-01 2 " + times(2) + " " + times(2), "2026-02-01 1 " + times(1) + " 0",
                                      "2026-03-01 2 " + times(2) + " " + times(1)}));
  EXPECT_EQ(rows("month::date, active_before, churned, churned_minor, churn_rate) FROM analytics.churn_by_month WHERE "
                 "month < '2026-04-01' ORDER BY month"),
            (std::vector<std::string>{"2026-01-01 0 0 0", "2026-02-01 2 1 " + times(1) + " 0.5000",
                                      "2026-03-01 1 0 0 0.0000"}));
}

}  // namespace
}  // namespace tenantry::analytics_test
