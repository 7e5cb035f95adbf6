
#include "shared/service/process.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"

int main(int argc, char** argv) {
  using namespace tenantry;
  service::harden();
  cli::Session session{.environment = config::process_environment()};
  cli::Command app{
      "Tenantry: the control plane of a multi-tenant SaaS.\n\nExamples:\n"
      "  tenantry migrate && tenantry topology apply\n"
      "  tenantry run --workers all\n"
      "  tenantry tenants list\n"
      "  tenantry stripe trigger invoice.paid --tenant boulangerie-martin\n"
      "  tenantry audit query --tenant boulangerie-martin 'type:payment.*'\n"};
  session.app = &app;
  app.require_subcommand();
  app.add_version(service::version_text("tenantry"));
  app.add_flag("--json", session.json, "Print JSON lines, for programs");
  cli::add_run(app, session);
  cli::add_migrate(app, session);
  cli::add_tenants(app, session);
  cli::add_admins(app, session);
  cli::add_people(app, session);
  cli::add_sessions(app, session);
  cli::add_api_keys(app, session);
  cli::add_domains(app, session);
  cli::add_overrides(app, session);
  cli::add_flags(app, session);
  cli::add_keys(app, session);
  cli::add_audit(app, session);
  cli::add_events(app, session);
  cli::add_dead_letters(app, session);
  cli::add_stripe(app, session);
  cli::add_usage(app, session);
  cli::add_clock(app, session);
  cli::add_topology(app, session);
  cli::add_openapi(app, session);
  cli::add_asyncapi(app, session);
  cli::add_settings(app, session);
  cli::add_doctor(app, session);
  cli::add_status(app, session);
  cli::add_open(app, session);
  cli::add_completion(app, session);
  try {
    if (const auto code = app.parse(argc, argv)) return *code;
  } catch (const std::exception& error) {
    session.fail({.code = Errc::unavailable, .message = error.what()});
  }
  return session.exit_code;
}
