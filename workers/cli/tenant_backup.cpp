// tenantry tenants backup: what was kept of a deleted tenant, opened by an operator with the database's login and the
// master key.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "shared/core/clock.h"
#include "shared/crypto/envelope.h"
#include "shared/db/clock_offset.h"
#include "shared/db/connection.h"
#include "shared/messaging/outbox.h"
#include "tenantry/events/v1/platform.pb.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/cli/keys.h"
#include "workers/provisioning/backup.h"

namespace tenantry::cli {
namespace {

Error cannot_write(const std::string& to) {
  return Error::invalid("--to", "file", "cannot be written, or is there already: " + to);
}

// On record before anything is shown.
void tell(db::Connection& connection, const Clock& clock, const std::string& tenant_id) {
  SystemIdGenerator ids(clock);
  db::Transaction tx(connection);
  messaging::Outbox outbox("/tenantry/cli", {.kind = "service", .id = "tenants backup"}, ids, clock.now());
  events::v1::DataRead read;
  read.set_what("final_backup");
  outbox.publish(tenant_id, read);
  outbox.flush(tx);
  tx.commit();
}

Result<void> open_backup(const Session& session, const std::string& tenant_id, const std::string& to) {
  const auto url = session.setting("TENANTRY_DATABASE_URL");
  if (!url) return url.error();
  const auto masters = master_keys(session);
  if (!masters) return masters.error();
  db::Connection connection(*url, "tenantry tenants backup");
  db::Connection teller(*url, "tenantry tenants backup");
  SystemClock clock;
  const auto test_clock = session.environment.find("TENANTRY_TEST_CLOCK");
  clock.follow(
      db::read_platform_time(connection, test_clock != session.environment.end() && test_clock->second == "1"));
  std::ofstream file;
  if (!to.empty()) {
    // People's data, no longer sealed: for its owner alone. What is there already is not ours to replace or remove.
    const int made = ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    if (made < 0) return cannot_write(to);
    ::close(made);
    file.open(to, std::ios::binary);
  }
  std::ostream& out = to.empty() ? std::cout : file;
  std::uint64_t lines = 0;
  db::Transaction tx(connection);
  auto done = provisioning::read_final_backup(tx, *masters, tenant_id, [&](std::string_view line) -> Result<void> {
    if (lines++ == 0) tell(teller, clock, tenant_id);
    out << line << '\n';
    return out ? Result<void>{} : cannot_write(to.empty() ? "standard output" : to);
  });
  out.flush();
  if (done && !out) done = cannot_write(to.empty() ? "standard output" : to);
  if (!to.empty()) file.close();
  if (!done && !to.empty()) std::remove(to.c_str());  // half a backup looks like one
  if (!done || to.empty()) return done;
  constexpr std::uint64_t first_and_last = 2;
  if (session.json) {
    print_json({{"tenant_id", tenant_id}, {"rows", lines - first_and_last}, {"file", to}});
  } else {
    std::printf("%s: %s in %s\n", tenant_id.c_str(), counted(lines - first_and_last, "row").c_str(), to.c_str());
  }
  return {};
}

}  // namespace

void add_tenant_backup(Command& tenants, Session& session) {
  static std::string tenant_id, to;
  auto* command = tenants.add_subcommand(
      "backup",
      "Open the final backup of a deleted tenant, as NDJSON (as the database's owner, with the master key; "
      "docs/final-backups.md)\n\nExamples:\n"
      "  tenantry tenants backup acme --to acme.ndjson\n"
      "  tenantry tenants backup acme | jq -c 'select(.table == \"tenant_data.clients\").row'");
  command->add_option("tenant", tenant_id, "The tenant's id")->required();
  command->add_option("--to", to, "The file to write, for its owner's eyes alone; else standard output");
  command->callback([&session] {
    if (const auto done = open_backup(session, tenant_id, to); !done) session.fail(done.error());
  });
}

}  // namespace tenantry::cli
