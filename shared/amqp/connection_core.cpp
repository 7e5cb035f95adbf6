#include "shared/amqp/connection_core.h"

#include <algorithm>
#include <utility>

#include "shared/core/assert.h"

namespace tenantry::amqp {

namespace {

template <class M>
constexpr std::size_t index_of = [] {
  std::size_t found = 0;
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    ((std::is_same_v<M, std::variant_alternative_t<i, Method>> ? void(found = i) : void()), ...);
  }
  (std::make_index_sequence<std::variant_size_v<Method>>{});
  return found;
}();

Error protocol_error(std::string message) {
  return {Errc::invalid, "protocol_error", std::move(message)};
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// A tag is compared, logged and sent back; nobody sane puts control characters in one.
bool clean(std::string_view tag) {
  return std::ranges::all_of(tag, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F; });
}

}  // namespace

std::string_view to_string(CloseKind kind) {
  switch (kind) {
    case CloseKind::requested:
      return "requested";
    case CloseKind::vhost_deleted:
      return "vhost_deleted";
    case CloseKind::vhost_down:
      return "vhost_down";
    case CloseKind::vhost_not_found:
      return "vhost_not_found";
    case CloseKind::access_refused:
      return "access_refused";
    case CloseKind::bad_credentials:
      return "bad_credentials";
    case CloseKind::limit_reached:
      return "limit_reached";
    case CloseKind::user_deleted:
      return "user_deleted";
    case CloseKind::broker_shutdown:
      return "broker_shutdown";
    case CloseKind::heartbeat_timeout:
      return "heartbeat_timeout";
    case CloseKind::network:
      return "network";
    case CloseKind::protocol_error:
      return "protocol_error";
  }
  return "unknown";
}

// The texts are RabbitMQ's (rabbit_reader.erl, rabbit_vhost.erl): codes alone do not tell
// a deleted vhost from a restart.
CloseReason classify_close(int code, std::string text, bool during_handshake) {
  const auto kind = [&] {
    const bool names_vhost = has(text, "vhost '");
    switch (code) {
      case 320:
        if (names_vhost && has(text, "deleted")) return CloseKind::vhost_deleted;
        if (names_vhost && has(text, "down")) return CloseKind::vhost_down;
        if (has(text, "user '") && has(text, "deleted")) return CloseKind::user_deleted;
        return CloseKind::broker_shutdown;
      case 402:
        return CloseKind::vhost_not_found;
      case 403:
        return during_handshake ? CloseKind::bad_credentials : CloseKind::access_refused;
      case 530:
        if (has(text, "limit")) return CloseKind::limit_reached;
        if (has(text, "vhost") && has(text, "not found")) return CloseKind::vhost_not_found;
        if (has(text, "refused for user")) return CloseKind::access_refused;
        if (names_vhost && has(text, "down")) return CloseKind::vhost_down;
        return CloseKind::protocol_error;
      case 541:
        return names_vhost && has(text, "down") ? CloseKind::vhost_down : CloseKind::protocol_error;
      default:
        return CloseKind::protocol_error;
    }
  }();
  return {kind, code, std::move(text)};
}

Error channel_error(int code, std::string text) {
  const auto errc = [code] {
    switch (code) {
      case 311:
        return Errc::too_large;
      case 403:
        return Errc::forbidden;
      case 404:
        return Errc::not_found;
      case 405:
      case 406:
        return Errc::conflict;
      default:
        return Errc::unavailable;
    }
  }();
  return {errc, "channel_closed", std::move(text)};
}

ConnectionCore::ConnectionCore(CoreParameters parameters, Handlers handlers)
    : parameters_(std::move(parameters)), handlers_(std::move(handlers)), frame_max_(parameters_.frame_max) {
  TENANTRY_ASSERT(parameters_.frame_max >= frame_size_min);
  TENANTRY_ASSERT(parameters_.heartbeat.count() >= 1 && parameters_.heartbeat.count() <= 65535);
  parameters_.body_size_max = std::min(parameters_.body_size_max, body_size_of_any_broker);
  out_.assign("AMQP\0\0\x09\x01", 8);
}

ConnectionCore::~ConnectionCore() = default;

std::string ConnectionCore::take_output() {
  sent_ = sent_ || !out_.empty();
  return std::exchange(out_, {});
}

void ConnectionCore::abandon() {
  abandoned_ = true;
  state_ = State::closed;
}

Result<void> ConnectionCore::feed(ByteView bytes) {
  TENANTRY_ASSERT(!feeding_);
  if (closed()) return {};
  feeding_ = true;
  received_ = true;

  const bool buffered = !in_.empty();
  if (buffered) in_ += as_text(bytes);
  ByteView rest = buffered ? as_bytes(in_) : bytes;

  Result<void> outcome;
  while (!closed()) {
    const auto frame = next_frame(rest, frame_max_);
    if (!frame) {
      outcome = frame.error();
      break;
    }
    if (!frame->has_value()) break;
    if (outcome = process(**frame); !outcome) break;
  }
  feeding_ = false;
  if (!outcome) {
    finish({CloseKind::protocol_error, 0, outcome.error().message});
    return outcome;
  }
  // An idle connection keeps no buffer.
  std::string tail = closed() ? std::string() : std::string(as_text(rest));
  in_ = std::move(tail);
  if (in_.empty()) in_.shrink_to_fit();
  return {};
}

void ConnectionCore::tick(std::chrono::milliseconds now, bool deaf) {
  if (closed()) return;
  if (std::exchange(received_, false) || deaf || !received_at_) received_at_ = now;
  if (std::exchange(sent_, false)) sent_at_ = now;

  if (std::exchange(deadline_wanted_, false)) {
    deadline_ = now + (state_ == State::closing ? parameters_.close_timeout : parameters_.handshake_timeout);
  }
  if (deadline_ && now >= *deadline_) {
    return state_ == State::closing ? finish({CloseKind::requested, 0, "closed; the broker did not answer"})
                                    : finish({CloseKind::heartbeat_timeout, 0, "the handshake took too long"});
  }
  if (heartbeat_.count() == 0) return;
  if (now - *received_at_ > 2 * heartbeat_) {
    return finish({CloseKind::heartbeat_timeout, 0, "nothing came from the broker for two heartbeats"});
  }
  if (now - sent_at_ >= heartbeat_ / 2 && out_.empty()) append_heartbeat(out_);
}

void ConnectionCore::transport_closed(CloseReason reason) {
  if (closed()) return;
  if (state_ == State::closing) reason.kind = CloseKind::requested;
  finish(std::move(reason));
}

void ConnectionCore::close() {
  if (closed() || state_ == State::closing) return;
  if (state_ != State::ready) {
    out_.clear();
    return finish({CloseKind::requested, 0, "closed during the handshake"});
  }
  send(0, method::ConnectionClose{200, "goodbye"});
  state_ = State::closing;
  deadline_wanted_ = true;
}

void ConnectionCore::finish(CloseReason reason) {
  if (closed()) return;
  state_ = State::closed;
  auto channels = std::exchange(channels_, {});
  const Error error{Errc::unavailable, "connection_closed",
                    std::string(to_string(reason.kind)) + (reason.text.empty() ? "" : ": " + reason.text)};
  for (auto& [id, channel] : channels) fail_pending(channel, error);
  if (!abandoned_ && handlers_.on_closed) handlers_.on_closed(reason);
}

void ConnectionCore::fail_pending(Channel& channel, const Error& error) {
  for (auto& pending : std::exchange(channel.pending, {})) {
    if (abandoned_) return;
    pending.done(error);
  }
}

Result<void> ConnectionCore::process(const Frame& frame) {
  if (frame.type == FrameType::heartbeat) {
    if (frame.channel != 0 || !frame.payload.empty()) return protocol_error("a heartbeat with a channel or a payload");
    return {};
  }
  if (frame.channel == 0) {
    if (frame.type != FrameType::method) return protocol_error("content on channel 0");
    auto received = decode_method(frame.payload);
    if (!received) return received.error();
    return on_connection_method(*received);
  }

  const auto found = channels_.find(frame.channel);
  if (found == channels_.end()) return protocol_error("a frame for a channel that is not open");
  auto& channel = found->second;
  if (frame.type == FrameType::method) {
    auto received = decode_method(frame.payload);
    if (!received) return received.error();
    return on_channel_method(frame.channel, channel, std::move(*received));
  }
  if (channel.closing || state_ == State::closing) return {};  // sent before the broker heard of it
  return frame.type == FrameType::header ? on_header(channel, frame.payload) : on_body(channel, frame.payload);
}

Result<void> ConnectionCore::on_connection_method(const Method& received) {
  if (const auto* close = std::get_if<method::ConnectionClose>(&received)) {
    // At once: until then the broker holds the socket.
    send(0, method::ConnectionCloseOk{});
    auto reason = classify_close(close->code, close->text, state_ < State::ready);
    if (state_ == State::closing) reason.kind = CloseKind::requested;
    finish(std::move(reason));
    return {};
  }
  switch (state_) {
    case State::start:
      if (const auto* start = std::get_if<method::ConnectionStart>(&received)) return on_start(*start);
      break;
    case State::tune:
      if (const auto* tune = std::get_if<method::ConnectionTune>(&received)) return on_tune(*tune);
      break;
    case State::open:
      if (std::holds_alternative<method::ConnectionOpenOk>(received)) {
        state_ = State::ready;
        deadline_.reset();
        deadline_wanted_ = false;
        if (handlers_.on_ready) handlers_.on_ready();
        return {};
      }
      break;
    case State::ready:
      if (const auto* blocked = std::get_if<method::ConnectionBlocked>(&received)) {
        if (handlers_.on_blocked) handlers_.on_blocked(true, blocked->reason);
        return {};
      }
      if (std::holds_alternative<method::ConnectionUnblocked>(received)) {
        if (handlers_.on_blocked) handlers_.on_blocked(false, "");
        return {};
      }
      break;
    case State::closing:
      if (std::holds_alternative<method::ConnectionCloseOk>(received)) finish({CloseKind::requested, 200, ""});
      return {};
    case State::closed:
      return {};
  }
  return protocol_error("a connection method out of turn");
}

Result<void> ConnectionCore::on_start(const method::ConnectionStart& start) {
  if (start.version_major != 0 || start.version_minor != 9) return protocol_error("the server is not AMQP 0-9");
  const std::string mechanisms = " " + start.mechanisms + " ";
  if (!has(mechanisms, " PLAIN ")) return protocol_error("the server does not offer PLAIN");

  const Table capabilities{{"publisher_confirms", true},        {"basic.nack", true},
                           {"consumer_cancel_notify", true},    {"connection.blocked", true},
                           {"per_consumer_qos", true},          {"authentication_failure_close", true},
                           {"exchange_exchange_bindings", true}};
  method::ConnectionStartOk answer{
      .client_properties = {{"product", "Tenantry"}, {"platform", "C++"}, {"capabilities", capabilities}},
      .mechanism = "PLAIN",
      .locale = "en_US"};
  if (!parameters_.name.empty()) answer.client_properties.add("connection_name", parameters_.name);
  answer.response.append(1, '\0').append(parameters_.user).append(1, '\0').append(parameters_.password);
  if (auto sent = append_method(out_, 0, answer, frame_max_); !sent) return sent;

  // Not needed again, and a core dump should not show them.
  std::ranges::fill(parameters_.password, '\0');
  parameters_.password.clear();
  state_ = State::tune;
  return {};
}

Result<void> ConnectionCore::on_tune(const method::ConnectionTune& tune) {
  if (tune.frame_max != 0 && tune.frame_max < frame_size_min) return protocol_error("frame_max is below 4096");
  if (tune.frame_max != 0) frame_max_ = std::min(frame_max_, tune.frame_max);
  channel_max_ = tune.channel_max == 0 ? parameters_.channel_max : std::min(parameters_.channel_max, tune.channel_max);
  // Zero from the broker means "no wish"; heartbeats stay on regardless.
  auto seconds = static_cast<std::uint16_t>(parameters_.heartbeat.count());
  if (tune.heartbeat != 0) seconds = std::min(seconds, tune.heartbeat);
  heartbeat_ = std::chrono::seconds{seconds};

  send(0, method::ConnectionTuneOk{channel_max_, frame_max_, seconds});
  if (auto sent = append_method(out_, 0, method::ConnectionOpen{parameters_.vhost}, frame_max_); !sent) return sent;
  state_ = State::open;
  return {};
}

Result<void> ConnectionCore::on_channel_method(ChannelId id, Channel& channel, Method received) {
  if (std::holds_alternative<method::ChannelCloseOk>(received) && channel.closing) {
    // The last one pending is close_channel's; those before it were overtaken.
    auto ended = std::move(channels_.extract(id).mapped());
    const auto done = std::move(ended.pending.back().done);
    ended.pending.pop_back();
    fail_pending(ended, {Errc::unavailable, "channel_closed", "the channel was closed by us"});
    if (!abandoned_) done(std::move(received));
    return {};
  }
  if (const auto* close = std::get_if<method::ChannelClose>(&received)) {
    send(id, method::ChannelCloseOk{});
    if (channel.closing) return {};  // both closed at once; the answer to ours still comes
    auto ended = std::move(channels_.extract(id).mapped());
    const auto error = channel_error(close->code, close->text);
    fail_pending(ended, error);
    if (!abandoned_ && handlers_.on_channel_closed) handlers_.on_channel_closed(id, close->code, close->text);
    return {};
  }
  if (channel.closing || state_ == State::closing) return {};
  if (channel.content) return protocol_error("a method in the middle of a content");

  if (auto* deliver = std::get_if<method::BasicDeliver>(&received)) {
    if (!clean(deliver->consumer_tag)) return protocol_error("a consumer tag with control characters");
    channel.content.emplace(Content{Delivery{.channel = id,
                                             .consumer_tag = std::move(deliver->consumer_tag),
                                             .delivery_tag = deliver->delivery_tag,
                                             .redelivered = deliver->redelivered,
                                             .exchange = std::move(deliver->exchange),
                                             .routing_key = std::move(deliver->routing_key)}});
    return {};
  }
  if (auto* returned = std::get_if<method::BasicReturn>(&received)) {
    channel.content.emplace(Content{Returned{.channel = id,
                                             .reply_code = returned->code,
                                             .reply_text = std::move(returned->text),
                                             .exchange = std::move(returned->exchange),
                                             .routing_key = std::move(returned->routing_key)}});
    return {};
  }
  if (const auto* ack = std::get_if<method::BasicAck>(&received)) {
    return on_confirm(id, channel, ack->delivery_tag, ack->multiple, true);
  }
  if (const auto* nack = std::get_if<method::BasicNack>(&received)) {
    return on_confirm(id, channel, nack->delivery_tag, nack->multiple, false);
  }
  if (const auto* cancel = std::get_if<method::BasicCancel>(&received)) {
    if (!clean(cancel->consumer_tag)) return protocol_error("a consumer tag with control characters");
    if (std::erase(channel.consumers, cancel->consumer_tag) == 0) return {};  // we cancelled it ourselves meanwhile
    if (handlers_.on_consumer_cancelled) handlers_.on_consumer_cancelled(id, cancel->consumer_tag);
    return {};
  }
  if (const auto* flow = std::get_if<method::ChannelFlow>(&received)) {
    send(id, method::ChannelFlowOk{flow->active});  // RabbitMQ never asks; brokers that do want the answer
    return {};
  }
  return on_reply(channel, std::move(received));
}

Result<void> ConnectionCore::on_reply(Channel& channel, Method received) {
  // In order, except that consume-ok and cancel-ok come from the queue's process and may be
  // overtaken: those two are known by their tag (an empty one, by its turn).
  const auto overtakable = [](const Pending& pending) {
    return pending.reply_index == index_of<method::BasicConsumeOk> ||
           pending.reply_index == index_of<method::BasicCancelOk>;
  };
  const auto answers = [&](const Pending& pending) {
    if (pending.reply_index != received.index()) return false;
    if (const auto* consuming = std::get_if<method::BasicConsumeOk>(&received)) {
      return pending.consumer_tag.empty() || pending.consumer_tag == consuming->consumer_tag;
    }
    const auto* cancelled = std::get_if<method::BasicCancelOk>(&received);
    return cancelled == nullptr || pending.consumer_tag == cancelled->consumer_tag;
  };
  const bool itself_overtakable = std::holds_alternative<method::BasicConsumeOk>(received) ||
                                  std::holds_alternative<method::BasicCancelOk>(received);
  auto found = channel.pending.begin();
  while (found != channel.pending.end() && !answers(*found) && (itself_overtakable || overtakable(*found))) ++found;
  if (found == channel.pending.end() || !answers(*found)) {
    const auto id = std::visit([](const auto& method) { return method.id; }, received);
    return protocol_error("a reply that nobody waits for: class " + std::to_string(id >> 16) + " method " +
                          std::to_string(id & 0xFFFF));
  }
  if (const auto* consuming = std::get_if<method::BasicConsumeOk>(&received)) {
    if (!clean(consuming->consumer_tag) || consuming->consumer_tag.empty()) {
      return protocol_error("a consumer tag with control characters");
    }
    channel.consumers.push_back(consuming->consumer_tag);
  }
  if (const auto* cancelled = std::get_if<method::BasicCancelOk>(&received)) {
    std::erase(channel.consumers, cancelled->consumer_tag);  // cancelled before the broker named it
  }
  const auto done = std::move(found->done);
  channel.pending.erase(found);
  done(std::move(received));
  return {};
}

Result<void> ConnectionCore::on_confirm(ChannelId id, const Channel& channel, std::uint64_t sequence, bool multiple,
                                        bool ack) {
  if (!channel.confirming) return protocol_error("a confirm on a channel that asked for none");
  if (sequence > channel.published || (sequence == 0 && !multiple)) {
    return protocol_error("a confirm of a message that was not published");
  }
  // Zero and multiple means all so far.
  if (sequence == 0) sequence = channel.published;
  if (handlers_.on_confirm) handlers_.on_confirm(id, sequence, multiple, ack);
  return {};
}

Result<void> ConnectionCore::on_header(Channel& channel, ByteView payload) {
  if (!channel.content || channel.content->header_seen) return protocol_error("a content header out of turn");
  auto header = decode_content_header(payload);
  if (!header) return header.error();
  if (header->body_size > body_size_of_any_broker) return protocol_error("a body larger than any broker takes");

  auto& content = *channel.content;
  content.header_seen = true;
  content.declared = header->body_size;
  content.oversized = header->body_size > parameters_.body_size_max;
  if (auto* delivery = std::get_if<Delivery>(&content.message)) {
    delivery->body_size = content.declared;
    delivery->oversized = content.oversized;
    delivery->properties_refused = !header->properties.has_value();
    if (header->properties) delivery->properties = std::move(*header->properties);
    if (!content.oversized) delivery->body.reserve(content.declared);
  } else if (header->properties) {
    std::get<Returned>(content.message).properties = std::move(*header->properties);
  }
  if (content.declared == 0) surface(channel);
  return {};
}

Result<void> ConnectionCore::on_body(Channel& channel, ByteView payload) {
  if (!channel.content || !channel.content->header_seen) return protocol_error("a body out of turn");
  auto& content = *channel.content;
  if (payload.empty()) return protocol_error("an empty body frame");
  if (payload.size() > content.declared - content.received) return protocol_error("a body longer than declared");
  content.received += payload.size();
  if (!content.oversized) {
    auto& body = std::visit([](auto& message) -> std::string& { return message.body; }, content.message);
    body += as_text(payload);
  }
  if (content.received == content.declared) surface(channel);
  return {};
}

void ConnectionCore::surface(Channel& channel) {
  auto content = std::move(*channel.content);
  channel.content.reset();
  if (auto* returned = std::get_if<Returned>(&content.message)) {
    if (handlers_.on_return) handlers_.on_return(std::move(*returned));
    return;
  }
  auto& delivery = std::get<Delivery>(content.message);
  if (std::ranges::find(channel.consumers, delivery.consumer_tag) == channel.consumers.end()) return;
  if (handlers_.on_delivery) handlers_.on_delivery(std::move(delivery));
}

void ConnectionCore::send(ChannelId channel, const Method& value) {
  const auto sent = append_method(out_, channel, value, frame_max_);
  TENANTRY_ASSERT(sent.has_value());
}

Result<ConnectionCore::Channel*> ConnectionCore::usable(ChannelId id) {
  if (state_ != State::ready) return Error{Errc::unavailable, "not_connected", "the connection is not open"};
  const auto found = channels_.find(id);
  if (found == channels_.end() || found->second.closing) {
    return Error{Errc::unavailable, "channel_closed", "the channel is not open"};
  }
  return &found->second;
}

template <class Expected>
Result<void> ConnectionCore::call(ChannelId id, const Method& request, Reply done, std::string consumer_tag) {
  const auto channel = usable(id);
  if (!channel) return channel.error();
  if (auto sent = append_method(out_, id, request, frame_max_); !sent) return sent;
  (*channel)->pending.push_back({index_of<Expected>, std::move(done), std::move(consumer_tag)});
  return {};
}

template <class Expected>
Result<void> ConnectionCore::call_done(ChannelId id, const Method& request, Done done, std::string consumer_tag) {
  return call<Expected>(
      id, request,
      [done = std::move(done)](Result<Method> reply) {
        if (done) done(reply ? Result<void>() : Result<void>(reply.error()));
      },
      std::move(consumer_tag));
}

Result<ChannelId> ConnectionCore::open_channel(ChannelOpened done) {
  if (state_ != State::ready) return Error{Errc::unavailable, "not_connected", "the connection is not open"};
  ChannelId id = 1;
  for (const auto& [used, channel] : channels_) {
    if (used != id) break;
    ++id;
  }
  if (id > channel_max_) return Error{Errc::exhausted, "channels_exhausted", "the connection has no channel left"};
  channels_.try_emplace(id);
  const auto sent =
      call<method::ChannelOpenOk>(id, method::ChannelOpen{}, [done = std::move(done), id](Result<Method> reply) {
        if (done) done(reply ? Result<ChannelId>(id) : Result<ChannelId>(reply.error()));
      });
  TENANTRY_ASSERT(sent.has_value());
  return id;
}

Result<void> ConnectionCore::close_channel(ChannelId id, Done done) {
  auto sent = call_done<method::ChannelCloseOk>(id, method::ChannelClose{200, "goodbye"}, std::move(done));
  if (sent) {
    auto& channel = channels_.at(id);
    channel.closing = true;
    channel.content.reset();
  }
  return sent;
}

Result<void> ConnectionCore::confirm_select(ChannelId id, Done done) {
  auto sent = call_done<method::ConfirmSelectOk>(id, method::ConfirmSelect{}, std::move(done));
  if (sent) channels_.at(id).confirming = true;  // what is published from here on is counted by the broker
  return sent;
}

Result<void> ConnectionCore::qos(ChannelId id, std::uint16_t prefetch_count, Done done) {
  return call_done<method::BasicQosOk>(id, method::BasicQos{prefetch_count}, std::move(done));
}

Result<void> ConnectionCore::exchange_declare(ChannelId id, const method::ExchangeDeclare& exchange, Done done) {
  return call_done<method::ExchangeDeclareOk>(id, exchange, std::move(done));
}

Result<void> ConnectionCore::queue_declare(ChannelId id, const method::QueueDeclare& queue, QueueDeclared done) {
  return call<method::QueueDeclareOk>(id, queue, [done = std::move(done)](Result<Method> reply) {
    if (!done) return;
    if (!reply) return done(reply.error());
    auto& declared = std::get<method::QueueDeclareOk>(*reply);
    done(QueueInfo{std::move(declared.queue), declared.message_count, declared.consumer_count});
  });
}

Result<void> ConnectionCore::queue_bind(ChannelId id, const method::QueueBind& binding, Done done) {
  return call_done<method::QueueBindOk>(id, binding, std::move(done));
}

Result<void> ConnectionCore::queue_unbind(ChannelId id, const method::QueueUnbind& binding, Done done) {
  return call_done<method::QueueUnbindOk>(id, binding, std::move(done));
}

Result<void> ConnectionCore::queue_purge(ChannelId id, std::string queue, Counted done) {
  return call<method::QueuePurgeOk>(id, method::QueuePurge{std::move(queue)},
                                    [done = std::move(done)](Result<Method> reply) {
                                      if (!done) return;
                                      if (!reply) return done(reply.error());
                                      done(std::get<method::QueuePurgeOk>(*reply).message_count);
                                    });
}

Result<void> ConnectionCore::queue_delete(ChannelId id, const method::QueueDelete& queue, Counted done) {
  return call<method::QueueDeleteOk>(id, queue, [done = std::move(done)](Result<Method> reply) {
    if (!done) return;
    if (!reply) return done(reply.error());
    done(std::get<method::QueueDeleteOk>(*reply).message_count);
  });
}

Result<void> ConnectionCore::consume(ChannelId id, std::string queue, std::string consumer_tag, ConsumeOptions options,
                                     Consuming done) {
  const method::BasicConsume request{std::move(queue), consumer_tag, options.no_ack, options.exclusive,
                                     std::move(options.arguments)};
  return call<method::BasicConsumeOk>(
      id, request,
      [done = std::move(done)](Result<Method> reply) {
        if (!done) return;
        if (!reply) return done(reply.error());
        done(std::move(std::get<method::BasicConsumeOk>(*reply).consumer_tag));
      },
      std::move(consumer_tag));
}

Result<void> ConnectionCore::cancel(ChannelId id, std::string consumer_tag, Done done) {
  auto sent = call_done<method::BasicCancelOk>(id, method::BasicCancel{consumer_tag}, std::move(done), consumer_tag);
  if (sent) std::erase(channels_.at(id).consumers, consumer_tag);
  return sent;
}

Result<void> ConnectionCore::ack(ChannelId id, std::uint64_t delivery_tag, bool multiple) {
  const auto channel = usable(id);
  if (!channel) return channel.error();
  send(id, method::BasicAck{delivery_tag, multiple});
  return {};
}

Result<void> ConnectionCore::nack(ChannelId id, std::uint64_t delivery_tag, bool multiple, bool requeue) {
  const auto channel = usable(id);
  if (!channel) return channel.error();
  send(id, method::BasicNack{delivery_tag, multiple, requeue});
  return {};
}

Result<std::uint64_t> ConnectionCore::publish(ChannelId id, const Publication& publication) {
  const auto channel = usable(id);
  if (!channel) return channel.error();
  const std::size_t start = out_.size();
  const method::BasicPublish request{std::string(publication.exchange), std::string(publication.routing_key),
                                     publication.mandatory};
  if (auto sent = append_method(out_, id, request, frame_max_); !sent) return sent.error();
  if (auto sent = append_content(out_, id, publication.properties, publication.body, frame_max_); !sent) {
    out_.resize(start);
    return sent.error();
  }
  if (!(*channel)->confirming) return std::uint64_t{0};
  return ++(*channel)->published;
}

}  // namespace tenantry::amqp
