// The billing worker: facts from Stripe and from our own timers become a tenant's
// account, its lifecycle, dunning and invoices.
//
// What is decided is in account.h and dunning.h; this loads a batch's state, calls
// them and writes what changed.
#pragma once

#include "shared/messaging/worker.h"
#include "shared/service/entry.h"
#include "workers/billing/config.h"

namespace tenantry::billing {

messaging::WorkerSpec worker_spec(const BillingConfig& config);
service::Entry entry();

}  // namespace tenantry::billing
