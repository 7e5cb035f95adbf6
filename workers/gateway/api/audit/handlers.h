// The handlers of the audit log's routes that are in files of their own.
#pragma once

#include "workers/gateway/edge/route.h"

namespace tenantry::gateway {

void export_audit(Services&, const CallPtr&);
void audit_histogram(Services&, const CallPtr&);
void tail_audit(Services&, const CallPtr&);

// What lets a tenant verify its log without trusting us.
void audit_checkpoint(Services&, const CallPtr&);
void audit_proof(Services&, const CallPtr&);
void audit_evidence(Services&, const CallPtr&);
void audit_keys(Services&, const CallPtr&);

}  // namespace tenantry::gateway
