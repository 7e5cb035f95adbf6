// Saga: how a tenant's resources are made, looked after and released, step by step.
//
// Every step can be ensured and removed any number of times. What has been done is in
// rows, so a saga goes on wherever it was cut. This page decides what follows from a
// run of steps; steps/ does them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/core/error.h"
#include "shared/core/time.h"

namespace tenantry::provisioning {

struct StepRow {
  std::string step;
  std::string state;  // pending, done, kept (it was there), removed
  bool done() const { return state == "done" || state == "kept"; }
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

// After a run of the remaining steps that ended in `error` (nullopt: all done). `waits`: the step it ended at waits for
// the stream's end.
// Only a new tenant's provisioning gives up. What exists must go, and what a tenant should have must come: an admin
// sees either waiting.
Outcome after_run(std::string_view saga, const std::optional<Error>& error, bool waits, int attempt,
                  const SagaPolicy& policy);

}  // namespace tenantry::provisioning
