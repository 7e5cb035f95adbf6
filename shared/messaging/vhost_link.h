// VhostLink: this process's consuming connection to one vhost, a channel per worker,
// on which it consumes that worker's queues.
//
// It keeps itself attached: reconnects with back-off, reopens channels the broker
// closed, pauses a worker's channel while that worker has no database. It ends only
// when the vhost is deleted or detach() is called. It never publishes: an alarm of
// the broker stops every connection that has. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shared/amqp/connection.h"
#include "shared/core/ids.h"
#include "shared/messaging/connect_queue.h"

namespace tenantry::messaging {

struct LinkWorker {
  std::string name;
  int prefetch = 100;
};

struct LinkOptions {
  amqp::ConnectionParameters broker;  // with the vhost
  std::vector<LinkWorker> workers;
  bool watch_tenants = false;  // also hear platform.tenants, through a queue of its own
};

struct LinkHooks {
  // `generation` changes whenever unsettled deliveries went back to the broker.
  std::function<void(int worker, std::uint64_t generation, amqp::Delivery&&)> delivery;
  std::function<void(const amqp::Delivery&)> tenant_changed;
  std::function<void(bool attached)> attached;  // all consumers stand, or no more
  std::function<void()> gone;                   // the vhost is deleted; the link is over
  std::function<void()> left;                   // detached, and the broker has read every acknowledgement
};

class VhostLink {
 public:
  VhostLink(loop::Loop& loop, LinkOptions options, IdGenerator& ids, ConnectQueue& connects, LinkHooks hooks);
  ~VhostLink();

  void attach();
  void detach();           // polite close; unsettled deliveries go back; the hook `left` follows, never from within
  void pause(int worker);  // closes the worker's channel
  void resume(int worker);
  void settle(int worker, std::uint64_t generation, const std::vector<std::uint64_t>& delivery_tags);
  const std::string& vhost() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tenantry::messaging
