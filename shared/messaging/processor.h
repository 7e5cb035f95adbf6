// Processor: what a lane does with a batch of deliveries, without how it got them.
//
// One batch is one transaction: inbox, state, outbox. A handler's error reruns the
// batch event by event; the one that fails becomes a delayed retry or a dead letter in
// a transaction of its own. A Lane drives it from a thread of its own, the simulation
// (tests/simulation) from its only one. One thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shared/messaging/arrival.h"
#include "shared/messaging/outbox.h"
#include "shared/messaging/worker.h"

namespace tenantry::messaging {

struct ProcessorHooks {
  std::function<void(std::vector<OutboxRow>)> published;  // committed, due: for the relay
  std::function<void(std::vector<Token>)> settled;        // committed: to be acknowledged
};

class Processor {
 public:
  // `name`: of its database connection.
  Processor(const WorkerSpec& spec, std::string name, const Clock& clock, IdGenerator& ids, ProcessorHooks hooks);
  ~Processor();

  // Settles each arrival, in order per tenant. False: the database is away, and those
  // that `settled` has not heard of go back to the broker. Who did not say when an event happened is taken to mean when
  // the first of all workers saw it: each sees the same time, whenever its own turn comes (messaging.arrivals).
  bool process(std::vector<Arrival> batch);

  bool reach_database();  // one try

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tenantry::messaging
