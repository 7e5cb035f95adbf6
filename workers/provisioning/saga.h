// Saga: how a tenant's resources are made and released, step by step.
//
// Every step can be ensured and removed any number of times. What has been done is in
// rows, so a saga goes on wherever it was cut. This page decides what follows from a
// run of steps; steps.h does them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/error.h"
#include "shared/core/time.h"

namespace tenantry::provisioning {

// In order. Release runs its own list; a failed provisioning removes what it made, last first.
constexpr std::string_view provision_steps[] = {"broker_vhost",  "broker_application_user", "broker_permissions",
                                                "broker_limits", "broker_topology",         "data_store"};
constexpr std::string_view release_steps[] = {
    "close",        "drain",      "drain_expired", "final_backup", "broker_application_user",
    "broker_vhost", "data_store", "memberships"};
// Of these, the ones that wait until nobody writes or reads the tenant's stream any more; no resource goes with them.
bool waits_for_end(std::string_view release_step);

struct StepRow {
  std::string step;
  bool done = false;
};

struct SagaPolicy {
  int attempts_max = 8;          // of a step, before provisioning gives up
  Milliseconds retry_base{500};  // doubles
  Milliseconds retry_cap{60'000};
  Milliseconds drain_poll{250};  // waiting for workers is no failure
  int marker_every = 8;          // polls after which a last event is published again
};

// Of what is tried until it is done: later and later.
Milliseconds retry_after(int attempt, const SagaPolicy& policy);

enum class Next { finished, retry, give_up };

struct Outcome {
  Next next = Next::finished;
  Milliseconds retry_in{0};
};

// After a run of the remaining steps that ended in `error` (nullopt: all done).
// Release never gives up: what exists must go, and an admin sees it waiting.
Outcome after_run(std::string_view saga, const std::optional<Error>& error, std::string_view failed_step, int attempt,
                  const SagaPolicy& policy);

}  // namespace tenantry::provisioning
