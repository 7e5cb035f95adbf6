#include <nlohmann/json.hpp>

#include "shared/db/session.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"

namespace tenantry::cli {
namespace {

void show(Session& session, const std::string& tenant_id, const std::string& metric, const std::string& span) {
  const auto url = session.setting("TENANTRY_ANALYST_DATABASE_URL");
  if (!url) return session.fail(url.error());
  db::Session database(*url, "tenantry usage");
  db::Session::Transaction tx(database);
  if (tx.exec("SELECT FROM analytics.tenants WHERE tenant_id = $1", {tenant_id}).empty()) {
    return session.fail(unknown_tenant(session, tenant_id));
  }
  const auto rows = tx.exec(
      "SELECT tenant_id, metric, span, window_start, quantity::text, unit, events FROM analytics.usage "
      "WHERE tenant_id = $1 AND ($2 = '' OR metric = $2) AND ($3 = '' OR span = $3) ORDER BY metric, span, "
      "window_start",
      {tenant_id, metric, span});
  std::vector<std::vector<std::string>> table;
  for (const auto row : rows) {
    if (session.json) {
      print_json({{"tenant_id", row.text(0)},
                  {"metric", row.text(1)},
                  {"span", row.text(2)},
                  {"window_start", to_rfc3339(row.timestamp(3))},
                  {"quantity", row.real(4)},
                  {"unit", row.text(5)},
                  {"events", row.int64(6)}});
    } else {
      table.push_back({std::string(row.text(1)), std::string(row.text(2)), to_rfc3339(row.timestamp(3)),
                       std::string(row.text(4)) + " " + std::string(row.text(5)), std::string(row.text(6))});
    }
  }
  if (!session.json) print_table({"METRIC", "SPAN", "FROM", "QUANTITY", "EVENTS"}, table);
}

}  // namespace

void add_usage(Command& app, Session& session) {
  auto* command = app.add_subcommand("usage",
                                     "What a tenant used\n\nExamples:\n"
                                     "  tenantry usage show acme --span month");
  command->require_subcommand();
  auto* shown = command->add_subcommand("show", "Counters per metric and window (UTC)");
  static std::string tenant_id, metric, span;
  shown->add_option("tenant", tenant_id, "The tenant's id")->required();
  shown->add_option("--metric", metric, "Only this one");
  shown->add_option("--span", span, "hour, day, month or total")->one_of({"hour", "day", "month", "total"});
  shown->callback([&session] { show(session, tenant_id, metric, span); });
}

}  // namespace tenantry::cli
