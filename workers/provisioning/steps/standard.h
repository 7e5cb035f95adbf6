// The steps that every tenant takes: what each makes, and takes back.
#pragma once

#include <string_view>

#include "workers/provisioning/steps/step.h"

namespace tenantry::provisioning {

// ---- made, in this order
Step broker_vhost();
Step broker_application_user();
Step broker_permissions();
Step broker_limits();
Step broker_topology();
Step data_store();

// ---- before anything is taken back
// Since the tenant is deleted, new events of its go to "platform" (Outbox::flush). Closed is its vhost once every
// transaction from before is over and what they wrote is published.
constexpr std::string_view close_step = "close";
Step close_stream();
// The marker is the last event of a queue of each of the workers: once all have it in their inboxes, nothing is left
// there. So for what expired in them.
constexpr std::string_view drain_step = "drain";
Step drain();
constexpr std::string_view drain_expired_step = "drain_expired";
Step drain_expired();
Step final_backup();

// ---- after it
Step memberships();

}  // namespace tenantry::provisioning
