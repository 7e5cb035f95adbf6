#include <cstdio>
#include <nlohmann/json.hpp>

#include "events/documents.h"
#include "shared/config/config.h"
#include "shared/config/manual.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/gateway/api/openapi.h"

namespace tenantry::cli {

void add_openapi(Command& app, Session& session) {
  auto* command =
      app.add_subcommand("openapi",
                         "Print the HTTP API as an OpenAPI 3.1 document; docs/openapi.json is this\n\nExample:\n"
                         "  tenantry openapi > docs/openapi.json");
  command->callback([&session] {
    std::puts(gateway::make_openapi().dump(2).c_str());
    session.exit_code = 0;
  });
}

void add_asyncapi(Command& app, Session& session) {
  auto* command =
      app.add_subcommand("asyncapi",
                         "Print the events as an AsyncAPI 3.0 document; docs/asyncapi.json is this\n\nExample:\n"
                         "  tenantry asyncapi > docs/asyncapi.json");
  command->callback([&session] {
    std::puts(events::make_asyncapi().dump(2).c_str());
    session.exit_code = 0;
  });
}

void add_settings(Command& app, Session& session) {
  auto* command = app.add_subcommand("settings",
                                     "List every setting there is\n\nExamples:\n"
                                     "  tenantry settings\n"
                                     "  tenantry settings --markdown > docs/settings.md");
  static bool markdown = false;
  command->add_flag("--markdown", markdown, "As docs/settings.md has them");
  command->callback([&session] {
    if (markdown) return void(std::fputs(config::manual().c_str(), stdout));
    std::vector<std::vector<std::string>> rows;
    for (const auto& variable : config::variables()) {
      if (session.json) print_json({{"name", variable.name}, {"help", variable.help}, {"secret", variable.secret}});
      rows.push_back({std::string(variable.name), std::string(variable.help)});
    }
    if (!session.json) print_table({"SETTING", "WHAT IT IS; BY DEFAULT"}, rows);
  });
}

}  // namespace tenantry::cli
