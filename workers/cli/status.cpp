#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "shared/core/money.h"
#include "shared/http/client.h"
#include "shared/json/json.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/cli/watch.h"

namespace tenantry::cli {
namespace {

using nlohmann::json;

struct Matter {
  const char* name;
  const char* what;  // one of them, as counted() takes it
  const char* is;
  const char* next;  // what to look at
};
constexpr Matter matters[] = {
    {"provisioning_failed", "tenant", "could not be provisioned", "tenantry tenants list --status PENDING"},
    {"dead_letters", "message", "set aside", "tenantry dead-letters groups"},
    {"stripe_events_parked", "event", "of Stripe's parked", "tenantry stripe parked"},
    {"suspended_for_payment", "tenant", "suspended for a payment", "tenantry tenants list --status SUSPENDED"},
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
    std::printf("attention   %s %s: %s\n", counted(count, matter.what).c_str(), matter.is, matter.next);
  }
  const auto late = attention.at("oldest_event_to_publish_seconds").get<std::int64_t>();
  if (late > late_seconds) {
    quiet = false;
    std::printf("attention   an event waits to be published since %lld s: tenantry doctor\n",
                static_cast<long long>(late));
  }
  if (quiet) std::printf("attention   nothing\n");
}

// How the gateway and what it stands on are, by its own word; empty where it does not answer.
json health_of(const Session& session) {
  const auto url = session.setting("TENANTRY_URL");
  http::HttpClient client;
  const auto response = url ? client.perform({.url = *url + "/readyz"}) : Result<http::ClientResponse>(url.error());
  const auto answer = response ? parse_json(response->body) : Result<json>(response.error());
  const auto checks = answer && answer->is_object() ? answer->value("checks", json::object()) : json::object();
  json out = {{"gateway", response ? checks.value("serving", "down") : "away: " + response.error().describe()}};
  for (const auto& [ours, theirs] : {std::pair{"database", "postgres"}, {"broker", "rabbitmq"}}) {
    out[ours] = checks.value(theirs, "unknown");
  }
  return out;
}

void print_health(const json& health) {
  std::string line;
  for (const char* what : {"database", "broker", "gateway"}) {
    line += (line.empty() ? "" : ", ") + std::string(what) + " " + cell(health, what);
  }
  std::printf("health      %s\n", line.c_str());
}

// What waits for a worker, in all vhosts that were read.
struct WorkerLag {
  std::int64_t waiting = 0;
  std::int64_t held = 0;    // by a consumer, not settled
  std::int64_t unread = 0;  // queues that nobody consumes
  std::optional<Timestamp> oldest_at{};
};

std::string age_of(const std::optional<Timestamp>& oldest_at, Timestamp now) {
  if (!oldest_at) return "";
  return std::to_string(std::chrono::duration_cast<Seconds>(std::max(now - *oldest_at, Microseconds{0})).count()) +
         " s";
}

void print_queues(const json& page) {
  constexpr std::size_t deepest_max = 5;
  const auto read_at = from_rfc3339(cell(page, "at"));
  const auto now = read_at ? *read_at : Timestamp{};
  std::map<std::string, WorkerLag> workers;
  std::vector<Row> deepest;
  for (const auto& queue : page.at("queues")) {
    auto& lag = workers[cell(queue, "worker").empty() ? "(no worker)" : cell(queue, "worker")];
    const auto ready = queue.at("ready").get<std::int64_t>();
    const auto oldest_at = from_rfc3339(cell(queue, "oldest_at"));
    lag.waiting += ready;
    lag.held += queue.at("unacknowledged").get<std::int64_t>();
    lag.unread += queue.at("consumers").get<std::int64_t>() == 0 ? 1 : 0;
    if (oldest_at && (!lag.oldest_at || *oldest_at < *lag.oldest_at)) lag.oldest_at = *oldest_at;
    if (ready == 0 || deepest.size() == deepest_max) continue;
    deepest.push_back({cell(queue, "vhost"), cell(queue, "queue"), std::to_string(ready),
                       age_of(oldest_at ? std::optional(*oldest_at) : std::nullopt, now), cell(queue, "consumers")});
  }
  std::vector<Row> rows;
  for (const auto& [worker, lag] : workers) {
    rows.push_back({worker, std::to_string(lag.waiting), std::to_string(lag.held), age_of(lag.oldest_at, now),
                    lag.unread == 0 ? "" : counted(lag.unread, "queue")});
  }
  print_table({"WORKER", "WAITING", "AT HAND", "OLDEST", "READ BY NOBODY"}, rows);
  if (deepest.empty()) {
    std::printf("queues      %s, nothing waits\n", cell(page, "matching").c_str());
  } else {
    print_table({"VHOST", "DEEPEST QUEUE", "WAITING", "OLDEST", "CONSUMERS"}, deepest);
  }
}

// Without a monitor's login nobody sees the broker's queues, which is no failure.
Result<json> queues_of(const Session& session) {
  auto page = call_admin(session, "GET", "/v1/admin/queues?limit=200");
  if (!page && page.error().reason == "queues_not_watched") return json();
  return page;
}

void status(Session& session) {
  const auto health = health_of(session);
  if (!session.json) print_health(health);
  auto overview = call_admin(session, "GET", "/v1/admin/overview");
  if (!overview) return session.fail(overview.error());
  auto availability = call_admin(session, "GET", "/v1/admin/availability");
  if (!availability) return session.fail(availability.error());
  auto queues = queues_of(session);
  if (!queues) return session.fail(queues.error());
  (*overview)["health"] = health;
  (*overview)["availability"] = *std::move(availability);
  (*overview)["queues"] = *std::move(queues);
  if (session.json) return print_json(*overview);
  print_tenants(*overview);
  print_plans(*overview);
  print_availability(overview->at("availability"));
  if (overview->at("queues").is_null()) {
    std::printf("queues      not watched: TENANTRY_AMQP_MONITOR_URL is not set in the gateway\n");
  } else {
    print_queues(overview->at("queues"));
  }
  print_attention(*overview);
}

}  // namespace

void add_status(Command& app, Session& session) {
  static int seconds = 0;
  auto* command = app.add_subcommand("status",
                                     "All at a glance: health, tenants, what waits for which worker, and what wants "
                                     "attention, as a super-admin\n\nExamples:\n"
                                     "  tenantry status\n"
                                     "  tenantry status --watch 5\n"
                                     "  tenantry --json status | jq .attention");
  command->add_option("--watch", seconds, watch_help)->between(watch_seconds_min, watch_seconds_max);
  command->callback([&session] { watch(session, seconds, [&session] { status(session); }); });
}

}  // namespace tenantry::cli
