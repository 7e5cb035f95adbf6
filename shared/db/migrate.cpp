#include "shared/db/migrate.h"

#include <algorithm>
#include <map>
#include <span>

#include "shared/core/embedded.h"
#include "shared/crypto/hash.h"

namespace tenantry {
std::span<const EmbeddedFile> migration_files();
}  // namespace tenantry

namespace tenantry::db {
namespace {

constexpr std::int64_t advisory_lock = 0x74656e616e747279;  // "tenantry"

std::map<int, std::string> applied_checksums(Session::Transaction& transaction) {
  std::map<int, std::string> known;
  if (transaction.exec("SELECT to_regclass('public.schema_migrations') IS NOT NULL")[0].boolean(0)) {
    const auto rows = transaction.exec("SELECT number, checksum FROM public.schema_migrations");
    for (const auto row : rows) known[static_cast<int>(row.int64(0))] = std::string(row.text(1));
  }
  return known;
}

Result<void> check(const std::map<int, std::string>& known, const std::vector<Migration>& migrations) {
  for (const auto& [number, checksum] : known) {
    const auto ours = std::ranges::find(migrations, number, &Migration::number);
    if (ours == migrations.end()) {
      return Error{.code = Errc::conflict,
                   .reason = "migration_unknown",
                   .message = "the database has migration " + std::to_string(number) +
                              ", which this build does not know: run a newer build"};
    }
    if (ours->checksum != checksum) {
      return Error{.code = Errc::conflict,
                   .reason = "migration_edited",
                   .message = ours->name + " was edited after it had been applied; restore it and add a new file"};
    }
  }
  return {};
}

}  // namespace

Result<std::vector<Migration>> embedded_migrations() {
  std::vector<Migration> migrations;
  for (const auto& file : migration_files()) {
    const std::string name{file.name};
    const std::string sql{file.content};
    migrations.push_back({std::stoi(name.substr(0, 4)), name, sql, to_hex(crypto::sha256(as_bytes(sql)))});
  }
  std::ranges::sort(migrations, {}, &Migration::number);
  for (std::size_t i = 0; i < migrations.size(); ++i) {
    if (migrations[i].number != static_cast<int>(i) + 1) {
      return Error{.code = Errc::invalid,
                   .reason = "migration_numbers",
                   .message = migrations[i].name + ": numbers must rise by one from 0001"};
    }
  }
  return migrations;
}

Result<std::vector<MigrationStatus>> migration_status(Session& session, const std::vector<Migration>& migrations) {
  Session::Transaction transaction(session);
  const auto known = applied_checksums(transaction);
  if (auto ok = check(known, migrations); !ok) return ok.error();
  std::vector<MigrationStatus> out;
  for (const auto& migration : migrations) out.push_back({migration, known.contains(migration.number)});
  return out;
}

Result<int> migrate(Session& session, const std::vector<Migration>& migrations,
                    const std::function<void(const Migration&)>& applied) {
  int count = 0;
  for (const auto& migration : migrations) {
    Session::Transaction transaction(session);
    transaction.exec("SELECT pg_advisory_xact_lock($1)", {advisory_lock});
    transaction.exec(
        "CREATE TABLE IF NOT EXISTS public.schema_migrations (number int PRIMARY KEY, name text NOT NULL, "
        "checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())");
    const auto known = applied_checksums(transaction);
    if (auto ok = check(known, migrations); !ok) return ok.error();
    if (known.contains(migration.number)) continue;
    transaction.exec(migration.sql);
    transaction.exec("INSERT INTO public.schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
                     {migration.number, migration.name, migration.checksum});
    // Said once more where every role may read it: services have no right to the table.
    transaction.exec("COMMENT ON TABLE public.schema_migrations IS '" + std::to_string(migration.number) + "'");
    transaction.commit();
    applied(migration);
    ++count;
  }
  return count;
}

}  // namespace tenantry::db
