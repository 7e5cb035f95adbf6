// ConnectQueue: connections to the broker are opened in order of asking, at a bounded
// rate. When a broker comes back, all that wait for it want to connect at once, and it
// would serve none of them well. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "shared/amqp/reconnect.h"
#include "shared/loop/loop.h"

namespace tenantry::messaging {

class ConnectQueue {
 public:
  using Ticket = std::uint64_t;

  // `purpose` labels the metric tenantry_connection_attempts_total.
  ConnectQueue(loop::Loop& loop, std::string purpose, double per_second);

  // Calls `connect` when its turn has come: at once where nobody waits and the rate allows, else later.
  Ticket request(std::function<void()> connect);
  void cancel(Ticket ticket);  // nothing where its turn has come

 private:
  void serve();
  void admit(const std::function<void()>& connect) const;

  loop::Loop& loop_;
  const std::string purpose_;
  amqp::TokenBucket tokens_;
  loop::Timer timer_;
  std::map<Ticket, std::function<void()>> waiting_;  // the oldest first
  Ticket last_ = 0;
};

}  // namespace tenantry::messaging
