#include <cstdio>
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/broker_admin/broker_admin.h"
#include "shared/db/migrate.h"
#include "shared/http/client.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"

namespace tenantry::cli {
namespace {

struct Finding {
  std::string subject;
  bool good = false;
  std::string detail;  // what to do, where it is not good
};

Finding check_settings(const Session& session) {
  config::Reader reader(session.environment);
  if (const auto valid = reader.finish(); !valid) return {"settings", false, valid.error().message};
  return {"settings", true, std::to_string(session.environment.size()) + " set, none unknown"};
}

Finding check_database(const Session& session) {
  const auto url = session.setting("TENANTRY_DATABASE_URL");
  if (!url) return {"database", false, url.error().message};
  try {
    db::Session database(*url, "tenantry doctor");
    const auto migrations = db::embedded_migrations();
    const auto status = db::migration_status(database, *migrations);
    if (!status) return {"database", false, status.error().message};
    std::size_t missing = 0;
    for (const auto& row : *status) missing += row.applied ? 0 : 1;
    if (missing > 0) return {"database", false, counted(missing, "migration") + " missing: tenantry migrate"};
    return {"database", true, counted(status->size(), "migration") + " applied"};
  } catch (const std::exception& error) {
    return {"database", false, error.what()};
  }
}

// What PostgreSQL would not refuse by itself: a table of tenants' rows that forgot its row-level security.
Finding check_isolation(const Session& session) {
  const auto url = session.setting("TENANTRY_DATABASE_URL");
  if (!url) return {"isolation", false, url.error().message};
  try {
    db::Session database(*url, "tenantry doctor");
    db::Session::Transaction tx(database);
    const auto open = tx.exec(
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
        "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname <> 'pg_catalog' "
        "AND NOT (c.relrowsecurity AND c.relforcerowsecurity)");
    if (!open.empty()) return {"isolation", false, std::string(open[0].text(0)) + " has no forced row-level security"};
    const auto strong = tx.exec(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'tenantry\\_%' AND (rolsuper OR rolbypassrls OR "
        "rolcreaterole)");
    if (!strong.empty()) return {"isolation", false, "role " + std::string(strong[0].text(0)) + " may bypass it"};
    // Their rows are append-only, and from before such names were refused: the signer leaves them out.
    const auto strange = tx.exec("SELECT tenant_id FROM audit.heads WHERE tenant_id !~ '^[a-z0-9][a-z0-9-]*$' LIMIT 1");
    if (!strange.empty()) {
      return {"isolation", false, "an audit log is called '" + std::string(strange[0].text(0)) + "': it is not signed"};
    }
    return {"isolation", true, "row-level security is forced wherever there is a tenant_id"};
  } catch (const std::exception& error) {
    return {"isolation", false, error.what()};
  }
}

// That the owner of its tables cannot quietly make the audit log changeable: migrations/guard.sql.
Finding check_guard(const Session& session) {
  const auto url = session.setting("TENANTRY_DATABASE_URL");
  if (!url) return {"guard", false, url.error().message};
  try {
    db::Session database(*url, "tenantry doctor");
    db::Session::Transaction tx(database);
    constexpr const char* missing = "the audit log is not guarded: a superuser runs migrations/guard.sql";
    if (tx.exec("SELECT to_regproc('guard.report') IS NULL")[0].boolean(0)) return {"guard", false, missing};
    const auto report = tx.exec("SELECT armed_at, difference FROM guard.report()");
    if (!report[0].is_null(1)) return {"guard", false, "in schema audit, " + std::string(report[0].text(1))};
    if (report[0].is_null(0)) return {"guard", false, std::string(missing) + ", then SELECT guard.arm()"};
    return {"guard", true, "the audit log's schema is as it was on " + to_rfc3339(report[0].timestamp(0))};
  } catch (const std::exception& error) {
    return {"guard", false, error.what()};
  }
}

Finding check_broker(const Session& session) {
  const auto url = session.setting("TENANTRY_AMQP_ADMIN_URL");
  if (!url) return {"broker", false, url.error().message};
  auto admin = broker_admin::connect(*url);
  if (!admin) return {"broker", false, admin.error().message};
  const auto there = (*admin)->has_vhost(std::string(events::vhost_platform));
  if (!there) return {"broker", false, there.error().message};
  if (!*there) return {"broker", false, "vhost platform is missing: tenantry topology apply"};
  return {"broker", true, "vhost platform is there"};
}

Finding check_gateway(const Session& session) {
  const auto url = session.setting("TENANTRY_URL");
  if (!url) return {"gateway", false, url.error().message};
  http::HttpClient client;
  const auto response = client.perform({.url = *url + "/readyz"});
  if (!response) return {"gateway", false, response.error().message};
  return {"gateway", response->status == 200, response->body.substr(0, 200)};
}

// Every setting there is, with its value; secrets are named, not shown.
void print_settings(const Session& session) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& variable : config::variables()) {
    const auto at = session.environment.find(variable.name);
    const bool set = at != session.environment.end();
    const std::string value = !set ? "" : variable.kind == config::Kind::secret ? "(set)" : at->second;
    if (session.json) {
      print_json({{"name", variable.name}, {"set", set}, {"value", value}, {"help", variable.help}});
    } else {
      rows.push_back({std::string(variable.name), set ? value : "-", std::string(variable.help)});
    }
  }
  if (!session.json) print_table({"SETTING", "VALUE", "WHAT IT IS"}, rows);
}

}  // namespace

void add_doctor(Command& app, Session& session) {
  app.add_subcommand("config",
                     "Every setting there is, and which are set; secrets are not shown\n\nExample:\n  tenantry config")
      ->callback([&session] { print_settings(session); });
  app.add_subcommand(
         "doctor",
         "Check settings, database, isolation, the audit log's guard, broker and gateway; say what to do\n\n"
         "Examples:\n"
         "  tenantry doctor\n"
         "  tenantry --json doctor | jq 'select(.ok | not)'")
      ->callback([&session] {
        for (const auto& finding : {check_settings(session), check_database(session), check_isolation(session),
                                    check_guard(session), check_broker(session), check_gateway(session)}) {
          if (session.json) {
            print_json({{"check", finding.subject}, {"ok", finding.good}, {"detail", finding.detail}});
          } else {
            std::printf("[%c] %-10s %s\n", finding.good ? '+' : '-', finding.subject.c_str(), finding.detail.c_str());
          }
          if (!finding.good) session.exit_code = 1;
        }
      });
}

}  // namespace tenantry::cli
