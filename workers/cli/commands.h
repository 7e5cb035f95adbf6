// The commands of `tenantry`: each adds itself to the application and, when chosen,
// leaves its exit code in `exit_code`: 0 done, 1 failed, 2 used wrongly.
#pragma once

namespace CLI {
class App;
}

namespace tenantry::cli {

struct Session;

void add_run(CLI::App& app, Session& session);
void add_migrate(CLI::App& app, Session& session);
void add_tenants(CLI::App& app, Session& session);
void add_audit(CLI::App& app, Session& session);
void add_audit_verify(CLI::App& audit, Session& session);     // verify and keygen, below `audit`
void add_tenant_backup(CLI::App& tenants, Session& session);  // backup, below `tenants`
void add_audit_archive(CLI::App& audit, Session& session);    // archive, below `audit`
void add_events(CLI::App& app, Session& session);
void add_replay(CLI::App& events, Session& session);  // record and replay, below `events`
void add_dead_letters(CLI::App& app, Session& session);
void add_stripe(CLI::App& app, Session& session);
void add_usage(CLI::App& app, Session& session);
void add_clock(CLI::App& app, Session& session);
void add_topology(CLI::App& app, Session& session);
void add_doctor(CLI::App& app, Session& session);

}  // namespace tenantry::cli
