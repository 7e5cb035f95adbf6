// Provisioning: makes, freezes and releases a tenant's resources.
//
// An event starts a saga by writing its rows; each provisioning.step_due runs the
// steps that remain, outside any transaction, marking each as it is done. A failing
// step is retried through the outbox; when provisioning gives up, what was made is
// removed, last first, and the tenant is flagged for an admin to retry.
#pragma once

#include "shared/messaging/worker.h"
#include "workers/provisioning/config.h"
#include "workers/provisioning/steps.h"

namespace tenantry::provisioning {

// Without `connect`: the management API that the configuration names.
messaging::WorkerSpec worker_spec(const ProvisioningConfig& config, ConnectBroker connect = {});

}  // namespace tenantry::provisioning
