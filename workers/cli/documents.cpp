#include <cstdio>
#include <nlohmann/json.hpp>

#include "events/documents.h"
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

}  // namespace tenantry::cli
