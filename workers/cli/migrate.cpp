#include <cstdio>
#include <nlohmann/json.hpp>

#include "shared/db/migrate.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"

namespace tenantry::cli {
namespace {

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
  const auto plans = db::load_plans(database);
  if (!plans) return plans.error();
  if (session.json) {
    print_json({{"migrations_applied", *applied}, {"plans_loaded", *plans}});
  } else {
    std::printf("%d migrations applied, %d plan versions loaded\n", *applied, *plans);
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
