#include "shared/db/migrate.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <span>

#include "shared/core/embedded.h"
#include "shared/crypto/hash.h"

namespace tenantry {
std::span<const EmbeddedFile> migration_files();
std::span<const EmbeddedFile> plan_files();
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
    transaction.commit();
    applied(migration);
    ++count;
  }
  return count;
}

Result<int> load_plans(Session& session) {
  const auto catalogue = nlohmann::json::parse(plan_files().front().content, nullptr, false);
  TENANTRY_ASSERT(catalogue.is_object());  // part of this build, read by a unit test
  int fresh = 0;
  int position = 0;
  Session::Transaction tx(session);
  tx.exec("SELECT pg_advisory_xact_lock($1)", {advisory_lock});
  for (const auto& plan : catalogue.at("plans")) {
    std::vector<std::string> modules = plan.at("modules");
    std::vector<std::string> prices = plan.at("stripe_price_ids");
    // A version for what differs from the newest one; where a plan stands in the list is none of its terms.
    const auto inserted = tx.exec(
        "INSERT INTO platform.plans (plan, version, limits, price_minor, currency, modules, resource_tier, "
        "stripe_price_ids, audit_retention_months, position, dunning) "
        "SELECT $1, coalesce(max(version), 0) + 1, $2::jsonb, $3, $4, $5::text[], $6::jsonb, $7::text[], $8, $9, "
        "$10::jsonb FROM "
        "platform.plans p "
        "WHERE plan = $1 HAVING NOT coalesce((array_agg(limits = $2::jsonb AND price_minor = $3 AND currency = $4 AND "
        "modules = $5 AND resource_tier = $6::jsonb AND stripe_price_ids = $7 AND audit_retention_months = $8 AND "
        "dunning = $10::jsonb "
        "ORDER BY version DESC))[1], false)",
        {plan.at("plan").get<std::string>(), plan.at("limits").dump(), plan.at("price_minor").get<std::int64_t>(),
         plan.at("currency").get<std::string>(), Param::array(modules), plan.at("resource_tier").dump(),
         Param::array(prices), plan.at("audit_retention_months").get<std::int64_t>(), ++position,
         plan.value("dunning", nlohmann::json::object()).dump()});
    fresh += static_cast<int>(inserted.affected());
  }
  tx.commit();
  return fresh;
}

}  // namespace tenantry::db
