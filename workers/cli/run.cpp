#include <algorithm>

#include "shared/service/service.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/gateway/service.h"
#include "workers/registry.h"

namespace tenantry::cli {
namespace {

// Hosts the named workers, and the gateway, in this process. Returns the process's exit code.
int host(const Session& session, const std::vector<std::string>& names) {
  config::Reader reader(session.environment);
  service::Parts parts{.name = "tenantry", .amqp_variable = "TENANTRY_WORKERS_AMQP_URL"};
  const auto wanted = [&](std::string_view name) { return std::ranges::find(names, name) != names.end(); };
  for (const auto& worker : workers::all()) {
    if (wanted(worker.name)) parts.workers.push_back(worker.read(reader));
  }
  if (wanted("gateway")) {
    auto config = gateway::read_gateway_config(reader);
    parts.extension_database_url = config.database_url;
    parts.extension = gateway::extension(std::move(config));
  }
  return service::run(reader, std::move(parts));
}

}  // namespace

void add_run(Command& app, Session& session) {
  auto* command = app.add_subcommand("run",
                                     "Run workers and the gateway in this process\n\nExamples:\n"
                                     "  tenantry run --workers all\n  tenantry run --workers billing,audit\n"
                                     "  tenantry run --workers audit --shard 1/2   # beside another with 2/2");
  static std::vector<std::string> names;
  static std::string shard;
  std::vector<std::string> known;
  for (const auto& worker : workers::all()) known.push_back(worker.name);
  known.insert(known.end(), {"gateway", "all"});
  command->add_option("--workers", names, "Which: " + joined(known, ", "))
      ->separated_by(',')
      ->required()
      ->one_of(known);
  command->add_option("--shard", shard, "i/n: only the tenants of the i-th of n replicas (TENANTRY_SHARD)");
  command->callback([&session, known] {
    if (!shard.empty()) session.environment["TENANTRY_SHARD"] = shard;
    const bool all = std::ranges::find(names, "all") != names.end();
    session.exit_code = host(session, all ? known : names);
  });
}

}  // namespace tenantry::cli
