// ConnectionCore: one AMQP 0-9-1 connection as a state machine without input or output.
// Bytes of the broker go in, bytes for the broker come out, time is told to it; so tests
// and fuzzers drive it without sockets.
//
// Not thread-safe: one thread at a time, normally the loop's. Owns nothing outside itself.
// A protocol error is final: the connection is dead and feed() must not be called again.
//
// Operations never block. One that is wrong by itself (no such channel, a name of 300
// bytes, not ready) returns an Error and its callback is never called; otherwise the
// callback runs once, with the reply or with the reason the channel or the connection
// ended. It is not called after abandon(). Callbacks may call anything but feed() and tick().
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/amqp/codec.h"
#include "shared/amqp/handlers.h"
#include "shared/amqp/message.h"
#include "shared/core/bytes.h"
#include "shared/core/result.h"

namespace tenantry::amqp {

struct CoreParameters {
  std::string vhost = "/";
  std::string user = "guest";
  std::string password = "guest";
  std::string name{};                  // shown by the broker's management pages
  std::chrono::seconds heartbeat{30};  // at least 1; the lower of ours and the broker's rules both ways
  std::chrono::milliseconds handshake_timeout{10'000};  // from the first tick to ready
  std::chrono::milliseconds close_timeout{5'000};       // for the answer to close()
  std::uint32_t frame_max = frame_size_max;
  std::uint16_t channel_max = 64;
  std::uint64_t body_size_max = (1U << 20) + 4096;  // bytes; a larger body is discarded, see Delivery
};

struct QueueInfo {
  std::string name;
  std::uint32_t message_count = 0;
  std::uint32_t consumer_count = 0;
};

struct ConsumeOptions {
  bool no_ack = false;
  bool exclusive = false;
  Table arguments{};
};

// RabbitMQ takes no message above this, so a larger declared size is a lie.
constexpr std::uint64_t body_size_of_any_broker = 512ULL << 20;

class ConnectionCore {
 public:
  using Done = std::function<void(Result<void>)>;
  using ChannelOpened = std::function<void(Result<ChannelId>)>;
  using QueueDeclared = std::function<void(Result<QueueInfo>)>;
  using Counted = std::function<void(Result<std::uint32_t>)>;  // messages
  using Consuming = std::function<void(Result<std::string>)>;  // the consumer tag

  ConnectionCore(CoreParameters parameters, Handlers handlers);
  ~ConnectionCore();
  ConnectionCore(const ConnectionCore&) = delete;
  ConnectionCore& operator=(const ConnectionCore&) = delete;

  // An Error is a protocol error; on_closed has been called.
  Result<void> feed(ByteView bytes);

  // Sends and watches heartbeats and the timeouts. `now` is monotonic; call at least every
  // second. `deaf`: the caller reads nothing on purpose, so silence proves nothing.
  void tick(std::chrono::milliseconds now, bool deaf = false);

  // The transport is gone, or never came up. No effect when closed already.
  void transport_closed(CloseReason reason);

  bool has_output() const { return !out_.empty(); }
  std::size_t output_size() const { return out_.size(); }
  std::string take_output();

  bool ready() const { return state_ == State::ready; }
  bool closed() const { return state_ == State::closed; }

  // Calls nobody any more: the owner is going away.
  void abandon();

  // Polite: on_closed(requested) follows when the broker agrees, or after close_timeout.
  void close();

  // The number is usable at once: what is asked before the broker agrees is queued behind.
  Result<ChannelId> open_channel(ChannelOpened done);
  // Unsettled deliveries of the channel go back to their queues.
  Result<void> close_channel(ChannelId channel, Done done);
  Result<void> confirm_select(ChannelId channel, Done done);
  Result<void> qos(ChannelId channel, std::uint16_t prefetch_count, Done done);  // per consumer
  Result<void> exchange_declare(ChannelId channel, const method::ExchangeDeclare& exchange, Done done);
  Result<void> queue_declare(ChannelId channel, const method::QueueDeclare& queue, QueueDeclared done);
  Result<void> queue_bind(ChannelId channel, const method::QueueBind& binding, Done done);
  Result<void> queue_unbind(ChannelId channel, const method::QueueUnbind& binding, Done done);
  Result<void> queue_purge(ChannelId channel, std::string queue, Counted done);
  Result<void> queue_delete(ChannelId channel, const method::QueueDelete& queue, Counted done);
  // An empty tag asks the broker for one.
  Result<void> consume(ChannelId channel, std::string queue, std::string consumer_tag, ConsumeOptions options,
                       Consuming done);
  // Its deliveries stop being surfaced at once; those not settled stay with the channel.
  Result<void> cancel(ChannelId channel, std::string consumer_tag, Done done);

  Result<void> ack(ChannelId channel, std::uint64_t delivery_tag, bool multiple);
  Result<void> nack(ChannelId channel, std::uint64_t delivery_tag, bool multiple, bool requeue);
  // The sequence number that on_confirm will name, from 1 in each channel; 0 when
  // confirm_select() was not called on it.
  Result<std::uint64_t> publish(ChannelId channel, const Publication& publication);

 private:
  enum class State { start, tune, open, ready, closing, closed };
  using Reply = std::function<void(Result<Method>)>;

  struct Pending {
    std::size_t reply_index;  // in Method
    Reply done;
    std::string consumer_tag{};  // of consume and cancel
  };
  struct Content {
    std::variant<Delivery, Returned> message;
    bool header_seen = false;
    std::uint64_t declared = 0;
    std::uint64_t received = 0;
    bool oversized = false;
  };
  struct Channel {
    bool closing = false;
    bool confirming = false;
    std::uint64_t published = 0;
    std::vector<Pending> pending;        // oldest first
    std::vector<std::string> consumers;  // tags whose deliveries are surfaced
    std::optional<Content> content;      // being assembled
  };

  Result<void> process(const Frame& frame);
  Result<void> on_connection_method(const Method& received);
  Result<void> on_start(const method::ConnectionStart& start);
  Result<void> on_tune(const method::ConnectionTune& tune);
  Result<void> on_channel_method(ChannelId id, Channel& channel, Method received);
  Result<void> on_reply(Channel& channel, Method received);
  Result<void> on_confirm(ChannelId id, const Channel& channel, std::uint64_t sequence, bool multiple, bool ack);
  Result<void> on_header(Channel& channel, ByteView payload);
  Result<void> on_body(Channel& channel, ByteView payload);
  void surface(Channel& channel);

  void send(ChannelId channel, const Method& value);  // of ours, surely within the limits
  Result<Channel*> usable(ChannelId id);
  template <class Expected>
  Result<void> call(ChannelId id, const Method& request, Reply done, std::string consumer_tag = {});
  template <class Expected>
  Result<void> call_done(ChannelId id, const Method& request, Done done, std::string consumer_tag = {});
  void fail_pending(Channel& channel, const Error& error);
  void finish(CloseReason reason);

  CoreParameters parameters_;
  Handlers handlers_;
  State state_ = State::start;
  bool abandoned_ = false;
  bool feeding_ = false;
  std::uint32_t frame_max_;
  std::uint16_t channel_max_ = 0;
  std::chrono::milliseconds heartbeat_{0};
  std::map<ChannelId, Channel> channels_;

  std::string in_;  // the frame that has not all arrived
  std::string out_;

  // Time is known only to tick(), so traffic between two ticks is noted here.
  bool received_ = false;
  bool sent_ = false;
  std::optional<std::chrono::milliseconds> received_at_;
  std::chrono::milliseconds sent_at_{0};
  std::optional<std::chrono::milliseconds> deadline_;  // of the handshake, or of close()
  bool deadline_wanted_ = true;
};

}  // namespace tenantry::amqp
