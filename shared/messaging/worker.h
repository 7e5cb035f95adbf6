// Worker: what one worker consumes and does, without how it gets its deliveries.
//
// The runtime (lane.h) hands a worker batches of events inside one transaction that
// already holds their inbox rows. begin() loads the state of the whole batch, each
// row's handler decides about one event, finish() writes; so a batch costs a handful
// of statements. Whatever a handler publishes goes through the unit's outbox.
//
// One Worker object per lane: its members are that lane's, and reset by begin().
#pragma once

#include <any>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "events/catalogue.h"
#include "events/codec.h"
#include "events/envelope.h"
#include "shared/core/clock.h"
#include "shared/core/result.h"
#include "shared/messaging/outbox.h"

namespace tenantry::db {
class Connection;
class Transaction;
}  // namespace tenantry::db

namespace tenantry::messaging {

// One delivery on its way through a lane.
struct Incoming {
  events::Event event;
  events::WireMessage wire;  // without its body, which is in the event; whole when refused
  std::string vhost;
  int attempts = 0;   // earlier tries that failed
  int redrives = 0;   // how often it was set aside and sent again
  bool whole = true;  // false: not all of it could be read off the wire
  bool redelivered = false;
  bool of_platform = false;  // the broker says that the platform published it, and no application
  Timestamp received_at{};

  // Where the message was first published: a retry of the relay says it in a header.
  std::string first_exchange() const;
};

struct Unit {
  db::Transaction& tx;
  Outbox& outbox;
  Timestamp now;
};

struct RowOptions {
  int attempts_max = 8;
};

struct ConsumerRow {
  std::string type;  // "#": every event, known or not
  RowOptions options{};
  // Before the transaction, with none open: what reaches outside the database. Must be
  // idempotent, for a crash before the commit repeats it. What it returns is kept with
  // its arrival and given to `handle`, which gets nothing where there is no act.
  std::function<Result<std::any>(const Incoming&)> act{};
  std::function<Result<void>(Unit&, const Incoming&, const std::any& acted)> handle{};
};

class Worker {
 public:
  virtual ~Worker() = default;
  virtual std::span<const ConsumerRow> consumes() const = 0;
  virtual void begin(Unit&, std::span<const Incoming* const>) {}
  virtual Result<void> finish(Unit&) { return {}; }
};

// A row for one event type; the type's name comes from its schema.
template <class M, class W>
ConsumerRow on(W* worker, Result<void> (W::*handler)(Unit&, const events::Event&, const M&), RowOptions options = {}) {
  return {.type = events::Catalogue::instance().find(M::descriptor())->type,
          .options = options,
          .handle = [worker, handler](Unit& unit, const Incoming& incoming, const std::any&) {
            return (worker->*handler)(unit, incoming.event, incoming.event.template as<M>());
          }};
}

// The same with an act: `act` first, outside any transaction, then `handler` within one, with what the act came to.
template <class M, class W, class T>
ConsumerRow on(W* worker, Result<T> (W::*act)(const events::Event&, const M&),
               Result<void> (W::*handler)(Unit&, const events::Event&, const M&, const T&), RowOptions options = {}) {
  return {.type = events::Catalogue::instance().find(M::descriptor())->type,
          .options = options,
          .act = [worker, act](const Incoming& incoming) -> Result<std::any> {
            auto came_to = (worker->*act)(incoming.event, incoming.event.template as<M>());
            if (!came_to) return came_to.error();
            return std::any(*std::move(came_to));
          },
          .handle =
              [worker, handler](Unit& unit, const Incoming& incoming, const std::any& acted) {
                return (worker->*handler)(unit, incoming.event, incoming.event.template as<M>(),
                                          std::any_cast<const T&>(acted));
              }};
}

// What a lane gives to the worker it makes.
struct LaneContext {
  const Clock& clock;
  IdGenerator& ids;
  db::Connection& connection;  // the lane's own; for acts, which run outside its transactions
};

struct WorkerSpec {
  std::string name;          // "billing"
  std::string database_url;  // of the worker's own role
  int lanes = 2;
  int batch_max = 200;  // events in one transaction; 1 where acts are slow or must repeat least
  int prefetch = 100;   // unsettled deliveries per tenant
  // Events that may take minutes have lanes of their own, behind which nothing else waits; there, and only there, a
  // tenant's events are not in order with its others. Empty: none.
  std::function<bool(const events::Event&)> slow{};
  int slow_lanes = 2;
  std::function<std::unique_ptr<Worker>(const LaneContext&)> make;
};

}  // namespace tenantry::messaging
