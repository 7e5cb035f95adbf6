#include "shared/db/migrate.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "shared/crypto/hash.h"

namespace tenantry::db {
namespace {

constexpr std::int64_t advisory_lock = 0x74656e616e747279;  // "tenantry"

std::map<int, std::string> applied_checksums(Transaction& transaction) {
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

Result<std::vector<Migration>> read_migrations(const std::string& folder) {
  std::vector<Migration> migrations;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    const std::string name = entry.path().filename();
    if (name.size() < 9 || !name.ends_with(".sql") || !std::all_of(name.begin(), name.begin() + 4, ::isdigit)) continue;
    std::ostringstream sql;
    sql << std::ifstream(entry.path()).rdbuf();
    migrations.push_back({std::stoi(name.substr(0, 4)), name, sql.str(), to_hex(crypto::sha256(as_bytes(sql.str())))});
  }
  if (failed) {
    return Error{.code = Errc::not_found, .reason = "migrations_missing", .message = folder + ": " + failed.message()};
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

Result<std::vector<MigrationStatus>> migration_status(Connection& connection,
                                                      const std::vector<Migration>& migrations) {
  Transaction transaction(connection);
  const auto known = applied_checksums(transaction);
  if (auto ok = check(known, migrations); !ok) return ok.error();
  std::vector<MigrationStatus> out;
  for (const auto& migration : migrations) out.push_back({migration, known.contains(migration.number)});
  return out;
}

Result<int> migrate(Connection& connection, const std::vector<Migration>& migrations,
                    const std::function<void(const Migration&)>& applied) {
  int count = 0;
  for (const auto& migration : migrations) {
    Transaction transaction(connection);
    transaction.exec("SELECT pg_advisory_xact_lock($1)", {advisory_lock});
    transaction.exec_script(
        "CREATE TABLE IF NOT EXISTS public.schema_migrations (number int PRIMARY KEY, name text NOT NULL, "
        "checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())");
    const auto known = applied_checksums(transaction);
    if (auto ok = check(known, migrations); !ok) return ok.error();
    if (known.contains(migration.number)) continue;
    transaction.exec_script(migration.sql);
    transaction.exec("INSERT INTO public.schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
                     {migration.number, migration.name, migration.checksum});
    transaction.commit();
    applied(migration);
    ++count;
  }
  return count;
}

}  // namespace tenantry::db
