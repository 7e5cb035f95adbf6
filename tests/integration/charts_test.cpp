// Goal: charts say what is in the tables, of whom they are and of nobody else.
// Method: rows drawn from a printed seed; each chart as the gateway's role reads it beside a count over the same rows
// that is as plain as can be, with amounts as integers.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "shared/audit_search/reader.h"
#include "shared/db/run.h"
#include "tests/support/services.h"
#include "workers/gateway/api/analytics/charts.h"

namespace tenantry::gateway::charts_test {
namespace {

using nlohmann::json;
using testing::must;
using testing::TestDatabase;

Timestamp at(std::string_view text) {
  return from_rfc3339(text).value();
}

const Timestamp year_begins = at("2025-07-01T00:00:00Z");
const Timestamp year_ends = at("2026-07-01T00:00:00Z");
const ChartRequest year{.period = chart_months, .from = year_begins, .to = year_ends};

class Charts : public ::testing::Test {
 protected:
  Charts() { RecordProperty("seed", std::to_string(seed)); }

  std::int64_t draw(std::int64_t from, std::int64_t to) {
    return std::uniform_int_distribution<std::int64_t>(from, to)(random);
  }
  Timestamp instant(Timestamp from = year_begins - Days{40}, Timestamp to = year_ends + Days{40}) {
    return from_unix_seconds(draw(to_unix_seconds(from), to_unix_seconds(to)));
  }
  template <class T, std::size_t N>
  T one_of(const T (&values)[N]) {
    return values[static_cast<std::size_t>(draw(0, N - 1))];
  }

  // As the gateway reads it: of all tenants where `tenant` is "".
  json chart(const ChartQuery* query, const ChartRequest& request, const std::string& tenant = {}) {
    json out;
    must(db::run(gateway, {}, [&](db::Transaction& tx) -> Result<void> {
      if (tenant.empty()) {
        audit_search::allow_all_tenants(tx);
      } else {
        tx.set_tenant(tenant);
      }
      shown = read_chart(tx, *query, request, tenant, year_ends);
      out = json::parse(shown.json);
      return {};
    }));
    return out;
  }

  static std::string month_of(Timestamp when) { return to_rfc3339(floor_month(when)); }

  static constexpr std::uint32_t seed = 20'261'130;
  std::mt19937 random{seed};
  TestDatabase database;
  db::Connection gateway{database.url("gateway"), "test"};
  Chart shown;
};

// ---- money

struct Sums {
  std::int64_t payments = 0, paid = 0, returned = 0;
};

TEST_F(Charts, RevenueIsTheSumOfItsPaymentsToTheLastUnit) {
  const char* const states[] = {"failed",   "succeeded",   "succeeded",   "refunded",
                                "disputed", "dispute_won", "dispute_lost"};
  const char* const kinds[] = {"in_", "cs_", "ch_"};
  const char* const currencies[] = {"eur", "EUR", "USD", "jpy"};
  const char* const tenants[] = {"acme", "globex", "initech"};
  std::map<std::pair<std::string, std::string>, Sums> naive;
  for (int i = 0; i < 400; ++i) {
    const std::string state = one_of(states), kind = one_of(kinds), currency = one_of(currencies);
    const std::string subscription = draw(0, 1) == 0 ? "" : "sub_1";
    const auto when = instant();
    // Above 2^53, where a double would lose the last unit.
    const auto amount = draw(0, 9) == 0 ? 9'007'199'254'740'993 + draw(0, 1'000) : draw(0, 100'000);
    database.exec("superuser", "INSERT INTO billing.payments VALUES ($1, $2, $3, $4, $5, $6, $7)",
                  {kind + std::to_string(i), one_of(tenants), state, subscription, amount, currency, when});
    const bool again = kind == "cs_" && !subscription.empty();  // its invoice counts
    if (again || when < year_begins || when >= year_ends) continue;
    if (state != "succeeded" && state != "refunded" && state != "dispute_lost") continue;
    auto& sums = naive[{month_of(when), currency == "eur" ? "EUR" : currency == "jpy" ? "JPY" : currency}];
    (state == "succeeded" ? sums.paid : sums.returned) += amount;
    sums.payments += state == "succeeded" && amount > 0 ? 1 : 0;
  }
  json expected = json::array();
  for (const auto& [key, sums] : naive) {
    expected.push_back({{"period", key.first},
                        {"currency", key.second},
                        {"payments", sums.payments},
                        {"paid_minor", sums.paid},
                        {"returned_minor", sums.returned},
                        {"net_minor", sums.paid - sums.returned}});
  }
  ASSERT_GT(expected.size(), 20U);
  EXPECT_EQ(chart(find_platform_chart("revenue"), year)["rows"], expected);

  // The file has the same.
  std::string csv = "period,currency,payments,paid_minor,returned_minor,net_minor\r\n";
  for (const auto& row : expected) {
    csv += row["period"].get<std::string>() + "," + row["currency"].get<std::string>();
    for (const char* name : {"payments", "paid_minor", "returned_minor", "net_minor"}) csv += "," + row[name].dump();
    csv += "\r\n";
  }
  EXPECT_EQ(shown.csv, csv);
}

struct Company {
  std::string tenant_id, plan;
  Timestamp signed_up{};
  std::vector<std::pair<Timestamp, std::string>> history;  // ascending

  bool pays_at(Timestamp end) const {
    const std::string* status = nullptr;
    for (const auto& [when, to] : history) {
      if (when < end) status = &to;
    }
    return status != nullptr && *status == "active";
  }
};

class Lifecycles : public Charts {
 protected:
  Lifecycles() {
    const char* const plans[] = {"STARTER", "PROFESSIONAL", "ENTERPRISE"};
    const char* const statuses[] = {"trial", "active", "active", "suspended", "cancelled"};
    for (const char* plan : plans) {
      const auto rows = database.exec(
          "superuser", "SELECT price_minor, currency FROM platform.plans WHERE plan = $1 AND version = 1", {plan});
      prices[plan] = rows[0].int64(0);
      currency = std::string(rows[0].text(1));
    }
    for (int i = 0; i < 40; ++i) {
      Company company{"tenant-" + std::to_string(i), one_of(plans), instant(year_begins - Days{60}, year_ends), {}};
      auto when = company.signed_up;
      for (auto steps = draw(0, 5); steps > 0; --steps) {
        when += Seconds{draw(1, 120L * 86'400)};
        company.history.emplace_back(when, one_of(statuses));
      }
      store(company);
      companies.push_back(std::move(company));
    }
  }

  void store(const Company& company) {
    database.add_tenant(company.tenant_id);
    database.exec("superuser", "UPDATE platform.tenants SET created_at = $2, plan = $3 WHERE tenant_id = $1",
                  {company.tenant_id, company.signed_up, company.plan});
    for (const auto& [when, status] : company.history) {
      database.exec("superuser",
                    "INSERT INTO platform.lifecycle_history (tenant_id, event_id, to_status, trigger, at) "
                    "VALUES ($1, gen_random_uuid(), $2, 'test', $3)",
                    {company.tenant_id, status, when});
    }
  }

  static std::vector<Timestamp> months_of_year() {
    std::vector<Timestamp> out;
    for (auto month = year_begins; month < year_ends; month = next_month(month)) out.push_back(month);
    return out;
  }

  std::map<std::string, std::int64_t> prices;
  std::string currency;
  std::vector<Company> companies;
};

TEST_F(Lifecycles, RecurringRevenueIsOfWhoPaysAtEachMonthsEnd) {
  json expected = json::array();
  for (const auto month : months_of_year()) {
    std::map<std::string, std::int64_t> tenants;
    for (const auto& company : companies) tenants[company.plan] += company.pays_at(next_month(month)) ? 1 : 0;
    for (const auto& [plan, count] : tenants) {
      if (count == 0) continue;
      expected.push_back({{"period", to_rfc3339(month)},
                          {"plan", plan},
                          {"currency", currency},
                          {"tenants", count},
                          {"mrr_minor", count * prices[plan]}});
    }
  }
  ASSERT_GT(expected.size(), 15U);
  EXPECT_EQ(chart(find_platform_chart("mrr"), year)["rows"], expected);
}

TEST_F(Lifecycles, ChurnIsOfWhoPaidAMonthBefore) {
  const auto rows = chart(find_platform_chart("churn"), year)["rows"];
  ASSERT_EQ(rows.size(), 12U);
  std::int64_t churned_in_all = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto month = months_of_year()[i];
    std::int64_t before = 0, churned = 0;
    for (const auto& company : companies) {
      if (!company.pays_at(month)) continue;  // the end of the month before
      ++before;
      churned += company.pays_at(next_month(month)) ? 0 : 1;
    }
    churned_in_all += churned;
    EXPECT_EQ(rows[i]["period"], to_rfc3339(month));
    EXPECT_EQ(rows[i]["active_before"], before);
    EXPECT_EQ(rows[i]["churned"], churned);
    if (before == 0) {
      EXPECT_TRUE(rows[i]["churn_rate"].is_null());
    } else {
      EXPECT_NEAR(rows[i]["churn_rate"].get<double>(), static_cast<double>(churned) / static_cast<double>(before),
                  5e-5);
    }
  }
  EXPECT_GT(churned_in_all, 0);
}

TEST_F(Lifecycles, CohortsAreOfTheMonthOfSignup) {
  json expected = json::array();
  for (const auto cohort : months_of_year()) {
    std::vector<Company> of_it;
    for (const auto& company : companies) {
      if (floor_month(company.signed_up) == cohort) of_it.push_back(company);
    }
    for (const auto month : months_of_year()) {
      if (of_it.empty() || month < cohort) continue;
      const auto paying =
          std::ranges::count_if(of_it, [&](const Company& one) { return one.pays_at(next_month(month)); });
      expected.push_back({{"signup_month", to_rfc3339(cohort)},
                          {"period", to_rfc3339(month)},
                          {"signups", of_it.size()},
                          {"paying", paying}});
    }
  }
  ASSERT_GT(expected.size(), 30U);
  EXPECT_EQ(chart(find_platform_chart("cohorts"), year)["rows"], expected);
}

// ---- a tenant's own

class OfTenant : public Charts {
 protected:
  struct Record {
    std::string tenant, actor_kind, actor;
    bool failed;
    Timestamp when{};
  };

  OfTenant() {
    const char* const tenants[] = {"acme", "globex"};
    const char* const kinds[] = {"user", "service"};
    const char* const actors[] = {"ada", "grace", "marie", "emilie"};
    for (const char* tenant : tenants) database.add_tenant(tenant);
    std::map<std::string, std::int64_t> sequences;
    for (auto month = floor_month(year_begins - Days{40}); month <= year_ends + Days{40}; month = next_month(month)) {
      database.exec("superuser", "SELECT audit.ensure_partition($1)", {month});
    }
    for (int i = 0; i < 500; ++i) {
      Record record{one_of(tenants), one_of(kinds), one_of(actors), draw(0, 4) == 0, instant()};
      database.exec(
          "superuser",
          "INSERT INTO audit.records (tenant_id, sequence, event_id, type, occurred_at, recorded_at, actor_kind, "
          "actor_id, action, crud, resource, resource_id, outcome, source, exchange, leaf, leaf_hash) VALUES ($1, "
          "$2, gen_random_uuid(), 'order.created', $3, $3, $4, $5, 'CREATE', 'create', 'order', '', $6, '', '', '', "
          "decode(repeat('00', 32), 'hex'))",
          {record.tenant, sequences[record.tenant]++, record.when, record.actor_kind, record.actor,
           record.failed ? "failure" : "success"});
      records.push_back(std::move(record));
    }
  }

  // By the start of its period; those without anything are there, too.
  template <class Count>
  void expect_rows(const json& rows, std::size_t size, const Count& count_between) {
    ASSERT_EQ(rows.size(), size);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto begin = at(rows[i]["period"].get<std::string>());
      const auto end = i + 1 < rows.size() ? at(rows[i + 1]["period"].get<std::string>()) : year_ends;
      count_between(rows[i], begin, end);
    }
  }

  std::vector<Record> records;
};

TEST_F(OfTenant, ActivityIsWhatItsLogHasInEachPeriod) {
  for (const auto& [period, from, size] :
       {std::tuple{chart_months, year_begins, 12U}, std::tuple{chart_days, year_ends - Days{60}, 60U},
        std::tuple{chart_hours, year_ends - Days{5}, 120U}}) {
    SCOPED_TRACE(period.name);
    std::int64_t seen = 0;
    expect_rows(chart(find_tenant_chart("activity"), {.period = period, .from = from, .to = year_ends}, "acme")["rows"],
                size, [&](const json& row, Timestamp begin, Timestamp end) {
                  const auto of_it = [&](const Record& record) {
                    return record.tenant == "acme" && record.when >= begin && record.when < end;
                  };
                  EXPECT_EQ(row["events"], std::ranges::count_if(records, of_it));
                  EXPECT_EQ(row["failures"], std::ranges::count_if(
                                                 records, [&](const Record& one) { return of_it(one) && one.failed; }));
                  seen += row["events"].get<std::int64_t>();
                });
    EXPECT_GT(seen, 0);
  }
}

TEST_F(OfTenant, UsersAreWhoWasSeenAndWhoBelonged) {
  struct Member {
    Timestamp joined;
    std::optional<Timestamp> left;
  };
  std::vector<Member> members;
  for (int i = 0; i < 30; ++i) {
    Member member{instant(), {}};
    if (draw(0, 1) == 0) member.left = member.joined + Days{draw(1, 200)};
    const auto id = database.value(
        "INSERT INTO platform.users (user_id, email, first_name, last_name, password_hash, "
        "created_at) VALUES (gen_random_uuid(), gen_random_uuid() || '@acme.test', 'A', 'B', "
        "'$argon2id$', now()) RETURNING user_id::text");
    database.exec("superuser",
                  "INSERT INTO platform.memberships (tenant_id, user_id, role, state, state_since, created_at) VALUES "
                  "('acme', $1, 'owner', $2, $3, $4)",
                  {id, member.left ? "removed" : "active", member.left.value_or(member.joined), member.joined});
    members.push_back(member);
  }
  expect_rows(
      chart(find_tenant_chart("users"), year, "acme")["rows"], 12,
      [&](const json& row, Timestamp begin, Timestamp end) {
        std::set<std::string> active;
        for (const auto& record : records) {
          if (record.tenant == "acme" && record.actor_kind == "user" && record.when >= begin && record.when < end) {
            active.insert(record.actor);
          }
        }
        EXPECT_EQ(row["active"], active.size());
        EXPECT_EQ(row["members"], std::ranges::count_if(members, [&](const Member& one) {
                    return one.joined < end && (!one.left || *one.left >= end);
                  }));
      });
}

TEST_F(OfTenant, CallsAreTheCounters) {
  std::map<std::string, std::int64_t> naive;
  for (auto month = year_begins - Days{40}; month < year_ends; month = next_month(month)) {
    const auto calls = draw(0, 1'000'000'000);
    naive[month_of(month)] = calls;
    for (const auto& [tenant, more] : {std::pair{"acme", 0}, std::pair{"globex", 7}}) {
      database.exec("superuser",
                    "INSERT INTO metering.counters VALUES ($1, 'api_calls', 'month', $2, $3, 1, NULL, NULL, now())",
                    {tenant, floor_month(month), calls + more});
    }
  }
  expect_rows(chart(find_tenant_chart("api-calls"), year, "acme")["rows"], 12,
              [&](const json& row, Timestamp begin, Timestamp) { EXPECT_EQ(row["calls"], naive[to_rfc3339(begin)]); });
}

// Goal: whatever a statement says, the gateway's role has the rows of whom the transaction is for, and the reading of
// all opens amounts alone.
TEST_F(OfTenant, TheWallHoldsBeneathTheViews) {
  database.exec("superuser", "INSERT INTO billing.payments VALUES ('in_1', 'globex', 'succeeded', '', 4900, 'EUR', $1)",
                {year_begins});
  database.exec("superuser",
                "INSERT INTO metering.counters VALUES ('globex', 'api_calls', 'month', $1, 5, 1, NULL, NULL, now())",
                {year_begins});
  const auto seen = [&](const char* setting, const char* view) {
    db::Transaction tx(gateway);
    if (*setting != '\0')
      tx.exec("SELECT set_config($1, $2, true)",
              {setting, std::string_view(setting) == "app.all_tenants" ? "on" : "acme"});
    return tx.exec(std::string("SELECT count(*) FROM analytics.") + view + " WHERE tenant_id = 'globex'")[0].int64(0);
  };
  for (const char* view : {"audit_events", "usage", "revenue"}) {
    EXPECT_EQ(seen("", view), 0) << view;
    EXPECT_EQ(seen("app.tenant_id", view), 0) << view;
  }
  EXPECT_EQ(seen("app.all_tenants", "revenue"), 1);
  EXPECT_EQ(seen("app.all_tenants", "usage"), 0);
}

// ---- what is shown with a chart

// Goal: the statement that is shown, with the parameters that are shown, gives an analyst the rows that are shown.
TEST_F(Lifecycles, TheStatementShownIsTheOneThatRan) {
  for (const auto* query : {find_platform_chart("mrr"), find_platform_chart("churn"), find_platform_chart("cohorts"),
                            find_tenant_chart("activity"), find_tenant_chart("users"), find_tenant_chart("api-calls"),
                            find_platform_chart("revenue")}) {
    SCOPED_TRACE(query->name);
    const auto answer = chart(query, year, query->of_tenant ? "tenant-1" : "");
    std::vector<db::Param> parameters;
    for (const auto& each : answer["parameters"]) parameters.emplace_back(each.get<std::string>());
    db::Connection analyst(database.url("analyst"), "test");
    db::Transaction tx(analyst);
    const auto rows = tx.exec(answer["sql"].get<std::string>(), parameters);
    ASSERT_EQ(rows.size(), answer["rows"].size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(answer["rows"][i][answer["columns"][0]["name"].get<std::string>()], to_rfc3339(rows[i].timestamp(0)));
    }
  }
}

}  // namespace
}  // namespace tenantry::gateway::charts_test
