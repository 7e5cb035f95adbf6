// Metering: counts usage once, in the hour, day and month in which it happened, and
// says when a limit of the plan is near, reached and passed.
//
// A batch costs one upsert per way of aggregating, whatever its size.
#pragma once

#include "shared/messaging/worker.h"
#include "shared/service/entry.h"
#include "workers/metering/config.h"

namespace tenantry::metering {

messaging::WorkerSpec worker_spec(const MeteringConfig& config);
service::Entry entry();

}  // namespace tenantry::metering
