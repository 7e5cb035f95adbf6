// tenantry audit archive: whole months of the audit logs move from the database into files, by an operator's hand.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "shared/audit_tree/deployment.h"
#include "shared/core/clock.h"
#include "shared/db/clock_offset.h"
#include "shared/db/connection.h"
#include "workers/archive/archive.h"
#include "workers/cli/audit_keys.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/cli/progress.h"

namespace tenantry::cli {
namespace {

struct WantedMonths {
  std::string month, to, key, public_keys;
  bool due = false, dry_run = false;
  int others_months = archive::others_months_default;
};

std::uint64_t records_of(const archive::Month& month) {
  std::uint64_t records = 0;
  for (const auto& log : month.logs) records += log.count;
  return records;
}

nlohmann::ordered_json machine_readable(const archive::Month& month) {
  nlohmann::ordered_json out = {{"month", month.month},
                                {"records", records_of(month)},
                                {"logs", month.logs.size()},
                                {"due", month.kept.empty()},
                                {"kept", nlohmann::ordered_json::array()}};
  for (const auto& reason : month.kept) {
    out["kept"].push_back({{"rule", reason.rule}, {"tenant_id", reason.tenant_id}, {"detail", reason.detail}});
  }
  return out;
}

void print_months(const Session& session, const std::vector<archive::Month>& months) {
  std::vector<std::vector<std::string>> table;
  for (const auto& month : months) {
    if (session.json) {
      print_json(machine_readable(month));
      continue;
    }
    std::string why = "due";
    if (!month.kept.empty()) {
      why = "kept: " + month.kept.front().detail;
      if (month.kept.size() > 1) why += " (and " + counted(month.kept.size() - 1, "more reason") + ")";
    }
    table.push_back({month.month, std::to_string(records_of(month)), std::to_string(month.logs.size()), why});
  }
  if (!session.json) print_table({"MONTH", "RECORDS", "LOGS", "STATE"}, table);
}

// With --due the months that may go, which may be none; else the one that is named, if it is there.
std::vector<archive::Month> chosen(const WantedMonths& wanted, const std::vector<archive::Month>& months) {
  std::vector<archive::Month> out;
  for (const auto& month : months) {
    if (wanted.due ? month.kept.empty() : month.month == wanted.month) out.push_back(month);
  }
  return out;
}

Result<archive::ArchiveConfig> config_of(const Session& session, const WantedMonths& wanted) {
  config::Reader reader(session.environment);
  archive::ArchiveConfig config{.deployment = audit::read_deployment(reader), .others_months = wanted.others_months};
  config.to = wanted.to;
  auto keys = keys_of(session, wanted.public_keys);
  if (!keys) return keys.error();
  if (!wanted.key.empty()) {
    auto key = crypto::Ed25519Key::read_file(wanted.key);
    if (!key) return key.error();
    // Our own signature is verified with the rest.
    if (const auto added = keys->add(audit::public_key_text(key->public_key())); !added) return added.error();
    config.key = *std::move(key);
  }
  config.keys = *std::move(keys);
  return config;
}

void print_archived(const Session& session, const archive::Archived& done, const std::string& to) {
  if (session.json) {
    return print_json({{"archived", done.month},
                       {"logs", done.logs},
                       {"records", done.records},
                       {"bytes", done.bytes},
                       {"manifest_sha256", to_hex(done.manifest_sha256)}});
  }
  std::printf("%s: %llu records of %llu logs are in %s/%s and have left the database; manifest %s\n",
              done.month.c_str(), static_cast<unsigned long long>(done.records),
              static_cast<unsigned long long>(done.logs), to.c_str(), done.month.c_str(),
              to_hex(done.manifest_sha256).c_str());
}

Result<void> archive_months(Session& session, const WantedMonths& wanted) {
  const bool lists = wanted.dry_run || (!wanted.due && wanted.month.empty());
  if (wanted.due && !wanted.month.empty()) return Error::invalid("--month", "one_of", "must not be given with --due");
  if (!wanted.month.empty() && !archive::is_month(wanted.month)) {
    return Error::invalid("--month", "month", "must be a month, 2026-11");
  }
  if (!lists && wanted.to.empty()) return Error::invalid("--to", "required", "must be the folder of the archives");
  const auto url = session.setting("TENANTRY_DATABASE_URL");
  if (!url) return url.error();
  db::Connection connection(*url, "tenantry audit archive");
  SystemClock clock;
  const auto test_clock = session.environment.find("TENANTRY_TEST_CLOCK");
  clock.follow(
      db::read_platform_time(connection, test_clock != session.environment.end() && test_clock->second == "1"));
  const auto now = clock.now();
  const auto months = [&] {
    db::Transaction tx(connection);
    return archive::list_months(tx, now, wanted.others_months);
  }();
  if (lists) {
    print_months(session, wanted.due || !wanted.month.empty() ? chosen(wanted, months) : months);
    return {};
  }
  const auto config = config_of(session, wanted);
  if (!config) return config.error();
  std::vector<std::string> names;
  std::uint64_t records = 0;
  for (const auto& month : chosen(wanted, months)) {
    names.push_back(month.month);
    records += records_of(month);
  }
  if (names.empty() && !wanted.due) names.push_back(wanted.month);  // the archiver says what is the matter with it
  SystemIdGenerator ids(clock);
  Progress progress(2 * records);  // written, and read again
  for (const auto& name : names) {
    archive::Archiver archiver(*config, connection, ids, now);
    archiver.progress = [&](std::uint64_t count) { progress.add(count); };
    const auto done = archiver.archive(name);
    if (!done) return done.error();
    print_archived(session, *done, wanted.to);
  }
  if (names.empty() && !session.json) std::printf("no month is due\n");
  return {};
}

}  // namespace

void add_audit_archive(Command& audit, Session& session) {
  static WantedMonths wanted;
  auto* command = audit.add_subcommand(
      "archive",
      "List the months of the audit logs and why they are kept; with --month or --due and --to, move them into files "
      "(as the database's owner; docs/audit-retention.md)\n\nExamples:\n"
      "  tenantry audit archive\n"
      "  tenantry audit archive --due --to /srv/archive --key archive-key.pem\n"
      "  tenantry audit archive --month 2025-01 --to /srv/archive\n"
      "  tenantry audit verify /srv/archive/2025-01/manifest.json --key audit-keys.json");
  command->add_option("--month", wanted.month, "This month, 2025-01");
  command->add_flag("--due", wanted.due, "Every month that nothing keeps any longer, the oldest first");
  command->add_option("--to", wanted.to, "The folder of the archives; gets a folder for each month");
  command->add_flag("--dry-run", wanted.dry_run, "Say what would be archived, and why not");
  command->add_option("--key", wanted.key, "A private key (audit keygen) that signs the manifest");
  command->add_option("--public-keys", wanted.public_keys, "The signer's: as audit verify --key; TENANTRY_AUDIT_KEYS");
  command
      ->add_option("--others-months", wanted.others_months,
                   "How long logs that no plan keeps stay, the platform's own among them; 84")
      ->between(1, 1'200);
  command->callback([&session] {
    if (const auto done = archive_months(session, wanted); !done) {
      session.fail(done.error());
      if (done.error().code == Errc::invalid) session.exit_code = 2;
    }
  });
}

}  // namespace tenantry::cli
