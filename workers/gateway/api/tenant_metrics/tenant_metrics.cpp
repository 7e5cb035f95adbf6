// Numbers of each tenant, for a scrape of its own: /metrics names no tenant, and anybody may read it.
//
// A fixed, small set: tenants times twelve series are cheap to keep, tenants times routes times buckets are not. By no
// label but the tenant's name, which is all that has to vanish with it.
#include <array>
#include <charconv>

#include "shared/db/connection.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

constexpr int tenants_max = 5'000;  // 60,000 series, which cost Prometheus some 150 MB

struct Series {
  const char* name;
  const char* help;
  int column;
};
// As platform.tenant_numbers has them; the first three columns are the tenant, its plan and its status.
constexpr Series series[] = {
    {"tenantry_tenant_users", "Active members", 3},
    {"tenantry_tenant_audit_records", "Records in its audit log: one for each event", 4},
    {"tenantry_tenant_events_waiting", "Its events that are due and not published yet", 5},
    {"tenantry_tenant_events_waiting_seconds", "For how long the oldest of them has been due", 6},
    {"tenantry_tenant_dead_letters", "Its messages that are set aside", 7},
    {"tenantry_tenant_stripe_events_parked", "Events of Stripe's about it that are parked", 8},
    {"tenantry_tenant_api_calls", "Calls of its API in this month", 9},
    {"tenantry_tenant_storage_bytes", "What it stores, as it was reported last", 10},
    {"tenantry_tenant_limit_ratio", "Of its plan's limits the fullest, as a part of one", 11},
};

// In the order of a life.
constexpr std::array<std::string_view, 5> statuses = {"pending", "trial", "active", "suspended", "cancelled"};

std::string metric_value(double value) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

void head(std::string& out, std::string_view name, std::string_view help) {
  out.append("# HELP ").append(name).append(" ").append(help).append(".\n# TYPE ").append(name).append(" gauge\n");
}

// A name and a plan are of letters, digits and hyphens: nothing in them wants escaping.
std::string line(std::string_view name, std::string_view tenant, std::string_view more, double value) {
  std::string out(name);
  return out.append("{tenant=\"").append(tenant).append("\"").append(more).append("} ").append(metric_value(value)) +
         "\n";
}

double value_of(const db::Row& row, int column) {
  const bool whole = column <= 5 || column == 7 || column == 8;
  return whole ? static_cast<double>(row.int64(column)) : row.real(column);
}

std::string page_of(const db::Rows& rows, std::int64_t left_out) {
  std::string out;
  head(out, "tenantry_tenant_metrics_left_out", "Tenants beyond the cap, the quietest: they are not on this page");
  out += "tenantry_tenant_metrics_left_out " + std::to_string(left_out) + "\n";
  head(out, "tenantry_tenant_info", "Always 1; to join the plan to what else is told of a tenant");
  for (const auto row : rows) {
    out += line("tenantry_tenant_info", row.text(0), ",plan=\"" + std::string(row.text(1)) + "\"", 1);
  }
  head(out, "tenantry_tenant_status", "0 pending, 1 trial, 2 active, 3 suspended, 4 cancelled");
  for (const auto row : rows) {
    const auto at = std::ranges::find(statuses, row.text(2));
    out += line("tenantry_tenant_status", row.text(0), "", static_cast<double>(at - statuses.begin()));
  }
  for (const auto& each : series) {
    head(out, each.name, each.help);
    for (const auto row : rows) out += line(each.name, row.text(0), "", value_of(row, each.column));
  }
  return out;
}

// Who scrapes is on record once an hour, as whoever uses the platform's token; not each time, four times a minute.
void read_tenant_metrics(Services& services, const CallPtr& call) {
  const auto now = services.clock.now();
  read(services, call, [now](db::Transaction& tx) -> Result<http::Response> {
    const auto rows = tx.exec("SELECT * FROM platform.tenant_numbers($1, $2)", {now, tenants_max});
    const auto all = tx.exec("SELECT count(*) FROM platform.tenants WHERE status <> 'deleted'");
    const auto left_out = std::max<std::int64_t>(0, all[0].int64(0) - static_cast<std::int64_t>(rows.size()));
    return http::Response{.status = 200,
                          .headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                          .body = page_of(rows, left_out)};
  });
}

}  // namespace

namespace api {
Routes tenant_metrics() {
  static constexpr Route routes[] = {
      {Method::get, "/metrics/tenants", "tenantMetrics", Guard::admin, read_tenant_metrics, {.streams = true}},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
