// Host: runs workers in this process: their lanes, their share of every vhost, the
// relay, and the discovery of tenants that come and go.
//
// One connection per vhost carries a channel for each hosted worker. Tenants are found
// by a scan at start, by the fanout platform.tenants, and by a rescan that heals what
// either missed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/amqp/connection.h"
#include "shared/core/clock.h"
#include "shared/messaging/relay.h"
#include "shared/messaging/shard.h"
#include "shared/messaging/worker.h"

namespace tenantry::loop {
class Loop;
}

namespace tenantry::messaging {

struct HostOptions {
  amqp::ConnectionParameters consumer;  // user of the hosted workers; the vhost is replaced
  RelayOptions relay;
  Seconds rescan_every{60};
  Shard shard{};  // of the tenants this process consumes for; "platform" is everybody's
  double connects_per_second = 400;
  std::size_t deliveries_max = 40'000;  // unsettled per worker over all tenants, as far as their least share allows
  // Told of every tenant whose status, plan or vhost changed. On the loop; may be empty.
  std::function<void(const std::string& tenant_id)> tenant_changed{};
};

struct HostHealth {
  bool database = false;
  bool broker = false;  // the relay publishes and "platform" is attached
};

class Host {
 public:
  // `workers` may be empty: then only the relay and the watch of tenants run (the gateway's process).
  Host(loop::Loop& loop, HostOptions options, std::vector<WorkerSpec> workers, const Clock& clock, IdGenerator& ids);
  ~Host();

  void start();

  // Thread-safe.
  Relay& relay();
  HostHealth health() const;

  // Stops taking deliveries, finishes the batches at hand, publishes what they wrote, leaves. Not from the loop.
  void drain(Milliseconds deadline);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tenantry::messaging
