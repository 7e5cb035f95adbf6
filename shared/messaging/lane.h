// Lane: a thread and a database connection that handle some tenants' events of one
// worker, in order per tenant, in batches.
//
// A lane takes what is ready up to batch_max, a few events of each waiting tenant in
// turn, so that a flood of one tenant takes only its share; another turn follows only
// while every tenant has more, so that who sends little waits for no more of a flood than
// one turn. Under load it waits a moment for more first (gathering.h). What it does with
// a batch is the Processor's. When the database is away the lane says so and holds nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shared/messaging/arrival.h"
#include "shared/messaging/outbox.h"
#include "shared/messaging/worker.h"

namespace tenantry::messaging {

struct LaneHooks {
  // All called on the lane's thread.
  std::function<void(std::vector<OutboxRow>)> published;  // committed, due: for the relay
  std::function<void(std::vector<Token>)> settled;        // committed: to be acknowledged
  std::function<void(bool up)> database;                  // the database went away, or came back
};

class Lane {
 public:
  Lane(const WorkerSpec& spec, int number, const Clock& clock, IdGenerator& ids, LaneHooks hooks);
  ~Lane();

  void start();
  void push(std::vector<Arrival> arrivals);  // thread-safe
  void drop_queued();                        // thread-safe: their channel is gone, the broker has them
  void finish();                             // thread-safe: takes no more after the batch at hand
  void stop();                               // finishes; joins
  std::size_t queued() const;                // thread-safe

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tenantry::messaging
