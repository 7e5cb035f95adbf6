// Relay: carries committed outbox rows to the broker and deletes those it confirmed.
//
// A thread with a database connection of its own beside the publisher on the loop.
// Rows just committed by this process come in by hand_over(); the sweeper takes
// every other row that is due and unclaimed: what a dead process left, timers,
// delayed retries, publishes that failed. A row is deleted only after the broker's
// confirm, without a return; deletes are batched. Any number of relays may run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "shared/core/clock.h"
#include "shared/messaging/publisher.h"

namespace tenantry::messaging {

struct RelayOptions {
  std::string database_url;  // role tenantry_runtime
  PublisherOptions publisher;
  Milliseconds sweep_every{200};
  int sweep_rows_max = 500;
  std::size_t in_flight_max = 20'000;  // rows; beyond it rows wait in the database
  SystemClock* clock = nullptr;        // where set, it follows the database's
  bool test_clock = false;             // and what `tenantry clock advance` has added to that
};

class Relay {
 public:
  Relay(loop::Loop& loop, RelayOptions options, const Clock& clock, IdGenerator& ids);
  ~Relay();

  void start();

  // Thread-safe. The rows' transaction must have committed.
  void hand_over(std::vector<OutboxRow> rows);

  // Publishes what was handed over, waits for its confirms for at most `deadline`, deletes, stops. Not from the loop.
  void drain(Milliseconds deadline);

  bool broker_reachable() const;    // thread-safe
  bool database_reachable() const;  // thread-safe

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tenantry::messaging
