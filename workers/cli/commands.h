// The commands of `tenantry`: each adds itself to the application and, when chosen,
// leaves its exit code in `exit_code`: 0 done, 1 failed, 2 used wrongly.
#pragma once

#include "workers/cli/command.h"

namespace tenantry::cli {

struct Session;

void add_run(Command& app, Session& session);
void add_migrate(Command& app, Session& session);
void add_tenants(Command& app, Session& session);
void add_admins(Command& app, Session& session);
void add_people(Command& app, Session& session);
void add_sessions(Command& app, Session& session);
void add_api_keys(Command& app, Session& session);
void add_domains(Command& app, Session& session);
void add_overrides(Command& app, Session& session);
void add_flags(Command& app, Session& session);
void add_keys(Command& app, Session& session);
void add_audit(Command& app, Session& session);
void add_audit_verify(Command& audit, Session& session);     // verify and keygen, below `audit`
void add_tenant_backup(Command& tenants, Session& session);  // backup, below `tenants`
void add_audit_archive(Command& audit, Session& session);    // archive, below `audit`
void add_events(Command& app, Session& session);
void add_replay(Command& events, Session& session);  // record and replay, below `events`
void add_dead_letters(Command& app, Session& session);
void add_stripe(Command& app, Session& session);
void add_stripe_explain(Command& stripe, Session& session);  // below it
void add_usage(Command& app, Session& session);
void add_clock(Command& app, Session& session);
void add_topology(Command& app, Session& session);
void add_openapi(Command& app, Session& session);
void add_asyncapi(Command& app, Session& session);
void add_settings(Command& app, Session& session);
void add_doctor(Command& app, Session& session);
void add_status(Command& app, Session& session);
void add_open(Command& app, Session& session);
void add_completion(Command& app, Session& session);  // and man

}  // namespace tenantry::cli
