// Provisioning: makes, looks after, freezes and releases a tenant's resources.
//
// An event starts a saga by writing its rows; each provisioning.step_due runs the
// steps that remain, outside any transaction, marking each as it is done. A failing
// step is retried through the outbox; when provisioning gives up, what was made is
// removed, last first, and the tenant is flagged for an admin to retry. Asked for
// again, a tenant that has its resources is reconciled: what it lacks is made.
#pragma once

#include "shared/messaging/worker.h"
#include "shared/service/entry.h"
#include "workers/provisioning/config.h"
#include "workers/provisioning/steps/step.h"
#include "workers/provisioning/tools.h"

namespace tenantry::provisioning {

// Without `connect`: the management API that the configuration names.
messaging::WorkerSpec worker_spec(const ProvisioningConfig& config, ConnectBroker connect = {},
                                  Registry registry = standard_registry());
service::Entry entry(ConnectBroker connect = {});

}  // namespace tenantry::provisioning
