#include <CLI/CLI.hpp>

#include "workers/cli/commands.h"
#include "workers/cli/context.h"

int main(int argc, char** argv) {
  using namespace tenantry;
  cli::Session session{.environment = config::process_environment()};
  CLI::App app{
      "Tenantry: the control plane of a multi-tenant SaaS.\n\nExamples:\n"
      "  tenantry migrate && tenantry topology apply\n"
      "  tenantry run --workers all\n"
      "  tenantry tenants list\n"
      "  tenantry stripe trigger invoice.paid --tenant boulangerie-martin\n"
      "  tenantry audit query --tenant boulangerie-martin 'type:payment.*'\n"};
  app.require_subcommand(1);
  app.fallthrough();
  app.add_flag("--json", session.json, "Print JSON lines, for programs");
  cli::add_run(app, session);
  cli::add_migrate(app, session);
  cli::add_tenants(app, session);
  cli::add_audit(app, session);
  cli::add_events(app, session);
  cli::add_dead_letters(app, session);
  cli::add_stripe(app, session);
  cli::add_usage(app, session);
  cli::add_clock(app, session);
  cli::add_topology(app, session);
  cli::add_doctor(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    session.fail({.code = Errc::unavailable, .message = error.what()});
  }
  return session.exit_code;
}
