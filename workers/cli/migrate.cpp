#include <cstdio>
#include <nlohmann/json.hpp>

#include "shared/db/migrate.h"
#include "shared/db/session.h"
#include "shared/tenancy/plans.h"
#include "shared/text/text.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/cli/progress.h"

namespace tenantry::cli {
namespace {

// Of tenants that are older than the column: no function of SQL knows what looks alike.
void tell_look_alikes(db::Session& database) {
  constexpr int batch = 500;
  Progress progress(0, "names");
  for (bool more = true; more;) {
    std::vector<std::string> ids, forms;
    db::Session::Transaction tx(database);
    for (const auto row : tx.exec("SELECT tenant_id, company_name FROM platform.tenants WHERE look_alikes = '{}' AND "
                                  "company_name <> '' LIMIT $1 FOR UPDATE SKIP LOCKED",
                                  {batch})) {
      ids.emplace_back(row.text(0));
      std::string& joined = forms.emplace_back();
      for (const auto& form : text::look_alike_forms(row.text(1))) joined += (joined.empty() ? "" : " ") + form;
    }
    tx.exec(
        "UPDATE platform.tenants t SET look_alikes = string_to_array(k.forms, ' ') FROM unnest($1::text[], "
        "$2::text[]) AS k (tenant_id, forms) WHERE t.tenant_id = k.tenant_id",
        {db::Param::array(ids), db::Param::array(forms)});
    tx.commit();
    progress.add(ids.size());
    more = ids.size() == batch;
  }
}

Result<void> migrate(Session& session) {
  const auto url = session.setting("TENANTRY_DATABASE_URL");
  if (!url) return url.error();
  const auto migrations = db::embedded_migrations();
  if (!migrations) return migrations.error();
  db::Session database(*url, "tenantry migrate");
  const auto applied = db::migrate(database, *migrations, [&](const db::Migration& migration) {
    if (session.json) {
      print_json({{"applied", migration.name}});
    } else {
      std::printf("applied %s\n", migration.name.c_str());
    }
  });
  if (!applied) return applied.error();
  const auto plans = tenancy::load_plans(database);
  if (!plans) return plans.error();
  tell_look_alikes(database);
  if (session.json) {
    print_json({{"migrations_applied", *applied}, {"plans_loaded", *plans}});
  } else {
    std::printf("%s applied, %s loaded\n", counted(*applied, "migration").c_str(),
                counted(*plans, "plan version").c_str());
  }
  return {};
}

Result<void> migration_status(Session& session) {
  const auto url = session.setting("TENANTRY_DATABASE_URL");
  if (!url) return url.error();
  const auto migrations = db::embedded_migrations();
  if (!migrations) return migrations.error();
  db::Session database(*url, "tenantry migrate");
  const auto rows = db::migration_status(database, *migrations);
  if (!rows) return rows.error();
  std::vector<std::vector<std::string>> table;
  for (const auto& row : *rows) {
    if (session.json) {
      print_json({{"migration", row.migration.name}, {"applied", row.applied}});
    } else {
      table.push_back({row.migration.name, row.applied ? "applied" : "missing"});
    }
  }
  if (!session.json) print_table({"MIGRATION", "STATE"}, table);
  return {};
}

}  // namespace

void add_migrate(Command& app, Session& session) {
  auto* command = app.add_subcommand("migrate",
                                     "Bring the database's schema and the plans up to this build\n\nExamples:\n"
                                     "  tenantry migrate\n  tenantry migrate status");
  auto* shown = command->add_subcommand("status", "List migrations and whether each is applied");
  shown->callback([&session] {
    if (const auto done = migration_status(session); !done) session.fail(done.error());
  });
  command->callback([&session, shown] {
    if (shown->asked_for()) return;
    if (const auto done = migrate(session); !done) session.fail(done.error());
  });
}

}  // namespace tenantry::cli
