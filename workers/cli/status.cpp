#include <cstdio>
#include <nlohmann/json.hpp>

#include "shared/core/money.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/cli/watch.h"

namespace tenantry::cli {
namespace {

using nlohmann::json;

struct Matter {
  const char* name;
  const char* words;
  const char* next;  // what to look at
};
constexpr Matter matters[] = {
    {"provisioning_failed", "tenants could not be provisioned", "tenantry tenants list --status PENDING"},
    {"dead_letters", "messages are set aside", "tenantry dead-letters groups"},
    {"stripe_events_parked", "events of Stripe's are parked", "tenantry stripe parked"},
    {"suspended_for_payment", "tenants are suspended for a payment", "tenantry tenants list --status SUSPENDED"},
};
constexpr std::int64_t late_seconds = 60;  // an event that waits so long to be published

void print_tenants(const json& overview) {
  std::int64_t total = 0;
  std::string parts;
  for (const auto& [status, count] : overview.at("tenants").items()) {
    total += count.get<std::int64_t>();
    parts += (parts.empty() ? "" : ", ") + count.dump() + " " + status;
  }
  std::printf("tenants     %lld%s\n", static_cast<long long>(total), parts.empty() ? "" : (": " + parts).c_str());
  const auto& growth = overview.at("growth");
  std::printf("signups     %s today, %s in 7 days, %s in 30; %s trials end within 3 days\n",
              growth.at("signups_of_a_day").dump().c_str(), growth.at("signups_of_7_days").dump().c_str(),
              growth.at("signups_of_30_days").dump().c_str(),
              growth.at("trials_that_end_within_3_days").dump().c_str());
}

void print_plans(const json& overview) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& plan : overview.at("plans")) {
    const auto& money = plan.at("recurring_monthly");
    const Money monthly{money.at("amount_minor").get<std::int64_t>(), money.at("currency").get<std::string>()};
    rows.push_back(
        {plan.at("plan").get<std::string>(), plan.at("tenants").dump(), plan.at("paying").dump(), monthly.to_string()});
  }
  if (!rows.empty()) print_table({"PLAN", "TENANTS", "PAYING", "A MONTH"}, rows);
}

// The two tenants whose error budget is burnt most stand beside what all have.
void print_availability(const json& availability) {
  constexpr double percent = 100;
  std::string worst;
  for (const auto& each : availability.at("worst")) {
    if (each.at("budget_left").get<double>() >= 1 || worst.size() > 80) break;
    char figure[32];
    std::snprintf(figure, sizeof figure, " %.2f %%", each.at("availability").get<double>() * percent);
    worst += (worst.empty() ? "; worst: " : ", ") + each.at("tenant_id").get<std::string>() + figure;
  }
  std::printf("served      %.3f %% of %s requests in %s days, %.0f %% of the error budget is left%s\n",
              availability.at("availability").get<double>() * percent, availability.at("requests").dump().c_str(),
              availability.at("days").dump().c_str(), availability.at("budget_left").get<double>() * percent,
              worst.c_str());
}

void print_attention(const json& overview) {
  const auto& attention = overview.at("attention");
  bool quiet = true;
  for (const auto& matter : matters) {
    const auto count = attention.at(matter.name).get<std::int64_t>();
    if (count == 0) continue;
    quiet = false;
    std::printf("attention   %lld %s: %s\n", static_cast<long long>(count), matter.words, matter.next);
  }
  const auto late = attention.at("oldest_event_to_publish_seconds").get<std::int64_t>();
  if (late > late_seconds) {
    quiet = false;
    std::printf("attention   an event waits to be published since %lld s: tenantry doctor\n",
                static_cast<long long>(late));
  }
  if (quiet) std::printf("attention   nothing\n");
}

void status(Session& session) {
  auto overview = call_admin(session, "GET", "/v1/admin/overview");
  if (!overview) return session.fail(overview.error());
  auto availability = call_admin(session, "GET", "/v1/admin/availability");
  if (!availability) return session.fail(availability.error());
  (*overview)["availability"] = *std::move(availability);
  if (session.json) return print_json(*overview);
  print_tenants(*overview);
  print_plans(*overview);
  print_availability(overview->at("availability"));
  print_attention(*overview);
}

}  // namespace

void add_status(Command& app, Session& session) {
  static int seconds = 0;
  auto* command =
      app.add_subcommand("status",
                         "All tenants at a glance, and what wants attention, as a super-admin\n\nExamples:\n"
                         "  tenantry status\n"
                         "  tenantry status --watch 5\n"
                         "  tenantry --json status | jq .attention");
  command->add_option("--watch", seconds, watch_help)->between(watch_seconds_min, watch_seconds_max);
  command->callback([&session] { watch(session, seconds, [&session] { status(session); }); });
}

}  // namespace tenantry::cli
