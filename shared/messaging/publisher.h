// Publisher: publishes outbox rows into their vhosts and tells which the broker has.
//
// One connection per vhost, opened on demand, apart from those that consume (an alarm
// of the broker stops whatever has published), closed when idle. Rows are published in
// the order given per vhost, persistent, mandatory, with confirms, user-id set. A
// tenant's vhost that does not exist (yet, or any more) sends its rows through
// "platform", where the same workers listen. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shared/amqp/connection.h"
#include "shared/messaging/outbox_rows.h"

namespace tenantry::messaging {

enum class PublishOutcome {
  confirmed,
  returned,  // no queue took it
  nacked,
  released,       // nothing happened: the connection ended first; try again when there is one
  unpublishable,  // no broker can be told of it: it does not fit AMQP
};

struct PublisherOptions {
  amqp::ConnectionParameters broker;  // its vhost is replaced
  int connections_max = 256;
  Milliseconds idle_close{30'000};
  double connects_per_second = 200;                // over all vhosts
  std::size_t write_buffer_max = 4 * 1024 * 1024;  // bytes per connection, before rows are held back
};

class Publisher {
 public:
  // `why`: of what is unpublishable.
  using Done = std::function<void(const RowKey&, const OutboxRow&, PublishOutcome, const std::string& why)>;

  // `reachable` hears of every change of whether the broker can be reached.
  Publisher(loop::Loop& loop, PublisherOptions options, IdGenerator& ids, Done done,
            std::function<void(bool)> reachable);
  ~Publisher();

  void publish(std::vector<OutboxRow> rows);

  std::size_t in_flight() const;    // rows given and not done
  std::size_t connections() const;  // that can be published on

  // Opens the connection to "platform", so that it is known early whether the broker is there.
  void start();
  void close();

 private:
  struct Link;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tenantry::messaging
