// Connection: a ConnectionCore on a socket of the loop: TCP or TLS, reconnects not
// included. One connection serves one vhost.
//
// Loop thread only, for everything. It connects by itself once constructed; no handler
// runs before the constructor returns. It may be destroyed at any time, from its own
// handlers too; handlers and callbacks are then not called any more, and the socket
// closes behind it. Destroying it is abrupt for the broker: close() first where that
// matters.
//
// All operations follow ConnectionCore's rules. What they write leaves in one write per
// loop iteration. Read buffer and tick timer are shared by the connections of a loop, so
// an idle one costs a few kilobytes.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "shared/amqp/connection_core.h"
#include "shared/loop/loop.h"

namespace tenantry::amqp {

struct ConnectionParameters {
  std::string host = "localhost";
  std::uint16_t port = 5672;
  std::string vhost = "/";
  std::string user = "guest";
  std::string password = "guest";
  bool tls = false;
  std::string ca_file{};  // empty: the system's roots
  std::string name{};     // shown by the broker's management pages
  std::chrono::seconds heartbeat{30};
  std::chrono::milliseconds connect_timeout{10'000};    // name lookup and TCP, over all addresses
  std::chrono::milliseconds handshake_timeout{10'000};  // TLS and AMQP, after it
  std::uint32_t frame_max = frame_size_max;
  std::uint64_t body_size_max = (1U << 20) + 4096;  // bytes
};

// "amqp://user:password@host:5672/vhost%2Fname", or amqps. Left out: guest:guest, port
// 5672 or 5671, vhost "/". The Error names the part that is wrong, never the password.
Result<ConnectionParameters> parse_url(std::string_view url);

class Connection {
 public:
  using Done = ConnectionCore::Done;
  using ChannelOpened = ConnectionCore::ChannelOpened;
  using QueueDeclared = ConnectionCore::QueueDeclared;
  using Counted = ConnectionCore::Counted;
  using Consuming = ConnectionCore::Consuming;

  // `loop` must outlive it.
  Connection(loop::Loop& loop, ConnectionParameters parameters, Handlers handlers);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool ready() const;
  bool closed() const;
  void close();

  // Bytes not yet with the kernel. Publishers hold back while it is high.
  std::size_t write_buffer_size() const;

  // Stops reading the socket, so that the broker feels it. Up to one read buffer (64 KiB)
  // may still be surfaced.
  void pause_reading();
  void resume_reading();

  Result<ChannelId> open_channel(ChannelOpened done);
  Result<void> close_channel(ChannelId channel, Done done);
  Result<void> confirm_select(ChannelId channel, Done done);
  Result<void> qos(ChannelId channel, std::uint16_t prefetch_count, Done done);
  Result<void> exchange_declare(ChannelId channel, const method::ExchangeDeclare& exchange, Done done);
  Result<void> queue_declare(ChannelId channel, const method::QueueDeclare& queue, QueueDeclared done);
  Result<void> queue_bind(ChannelId channel, const method::QueueBind& binding, Done done);
  Result<void> queue_unbind(ChannelId channel, const method::QueueUnbind& binding, Done done);
  Result<void> queue_purge(ChannelId channel, std::string queue, Counted done);
  Result<void> queue_delete(ChannelId channel, const method::QueueDelete& queue, Counted done);
  Result<void> consume(ChannelId channel, std::string queue, std::string consumer_tag, ConsumeOptions options,
                       Consuming done);
  Result<void> cancel(ChannelId channel, std::string consumer_tag, Done done);
  Result<void> ack(ChannelId channel, std::uint64_t delivery_tag, bool multiple);
  Result<void> nack(ChannelId channel, std::uint64_t delivery_tag, bool multiple, bool requeue);
  Result<std::uint64_t> publish(ChannelId channel, const Publication& publication);

 private:
  struct State;
  struct Hub;
  std::shared_ptr<State> state_;  // also held by what is under way in the loop
};

}  // namespace tenantry::amqp
