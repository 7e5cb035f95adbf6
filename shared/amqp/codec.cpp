#include "shared/amqp/codec.h"

#include <amqp.h>
#include <amqp_framing.h>

#include <array>
#include <cmath>
#include <limits>

#include "shared/amqp/wire_values.h"
#include "shared/core/assert.h"

namespace tenantry::amqp {

namespace {

constexpr std::size_t frame_head = 7;
constexpr std::uint8_t frame_end = 0xCE;
constexpr std::uint16_t basic_class = 60;

template <class T>
void append_be(std::string& out, T value) {
  for (std::size_t i = sizeof(T); i > 0; --i) out.push_back(static_cast<char>((value >> (8 * (i - 1))) & 0xFF));
}

void write_be32(std::string& out, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) out[at + i] = static_cast<char>((value >> (8 * (3 - i))) & 0xFF);
}

void append_head(std::string& out, FrameType type, ChannelId channel, std::uint32_t size) {
  out.push_back(static_cast<char>(type));
  append_be(out, channel);
  append_be(out, size);
}

using namespace method;

// Our struct -> rabbitmq-c's. What is not named is reserved, or no-wait, and stays zero.
amqp_connection_start_t native(Encoder& to, const ConnectionStart& m) {
  return {m.version_major, m.version_minor, to.table(m.server_properties), to.long_string(m.mechanisms),
          to.long_string(m.locales)};
}
amqp_connection_start_ok_t native(Encoder& to, const ConnectionStartOk& m) {
  return {to.table(m.client_properties), to.short_string(m.mechanism, "mechanism"), to.long_string(m.response),
          to.short_string(m.locale, "locale")};
}
amqp_connection_tune_t native(Encoder&, const ConnectionTune& m) {
  return {m.channel_max, m.frame_max, m.heartbeat};
}
amqp_connection_tune_ok_t native(Encoder&, const ConnectionTuneOk& m) {
  return {m.channel_max, m.frame_max, m.heartbeat};
}
amqp_connection_open_t native(Encoder& to, const ConnectionOpen& m) {
  return {.virtual_host = to.short_string(m.vhost, "vhost")};
}
amqp_connection_open_ok_t native(Encoder&, const ConnectionOpenOk&) {
  return {};
}
amqp_connection_close_t native(Encoder& to, const ConnectionClose& m) {
  return {.reply_code = m.code, .reply_text = to.short_string(m.text, "reply text")};
}
amqp_connection_close_ok_t native(Encoder&, const ConnectionCloseOk&) {
  return {};
}
amqp_connection_blocked_t native(Encoder& to, const ConnectionBlocked& m) {
  return {to.short_string(m.reason, "reason")};
}
amqp_connection_unblocked_t native(Encoder&, const ConnectionUnblocked&) {
  return {};
}
amqp_channel_open_t native(Encoder&, const ChannelOpen&) {
  return {};
}
amqp_channel_open_ok_t native(Encoder&, const ChannelOpenOk&) {
  return {};
}
amqp_channel_flow_t native(Encoder&, const ChannelFlow& m) {
  return {m.active};
}
amqp_channel_flow_ok_t native(Encoder&, const ChannelFlowOk& m) {
  return {m.active};
}
amqp_channel_close_t native(Encoder& to, const ChannelClose& m) {
  return {.reply_code = m.code, .reply_text = to.short_string(m.text, "reply text")};
}
amqp_channel_close_ok_t native(Encoder&, const ChannelCloseOk&) {
  return {};
}
amqp_exchange_declare_t native(Encoder& to, const ExchangeDeclare& m) {
  return {.exchange = to.short_string(m.exchange, "exchange"),
          .type = to.short_string(m.type, "exchange type"),
          .passive = m.passive,
          .durable = m.durable,
          .auto_delete = m.auto_delete,
          .internal = m.internal,
          .arguments = to.table(m.arguments)};
}
amqp_exchange_declare_ok_t native(Encoder&, const ExchangeDeclareOk&) {
  return {};
}
amqp_queue_declare_t native(Encoder& to, const QueueDeclare& m) {
  return {.queue = to.short_string(m.queue, "queue"),
          .passive = m.passive,
          .durable = m.durable,
          .exclusive = m.exclusive,
          .auto_delete = m.auto_delete,
          .arguments = to.table(m.arguments)};
}
amqp_queue_declare_ok_t native(Encoder& to, const QueueDeclareOk& m) {
  return {to.short_string(m.queue, "queue"), m.message_count, m.consumer_count};
}
amqp_queue_bind_t native(Encoder& to, const QueueBind& m) {
  return {.queue = to.short_string(m.queue, "queue"),
          .exchange = to.short_string(m.exchange, "exchange"),
          .routing_key = to.short_string(m.routing_key, "routing key"),
          .arguments = to.table(m.arguments)};
}
amqp_queue_bind_ok_t native(Encoder&, const QueueBindOk&) {
  return {};
}
amqp_queue_unbind_t native(Encoder& to, const QueueUnbind& m) {
  return {.queue = to.short_string(m.queue, "queue"),
          .exchange = to.short_string(m.exchange, "exchange"),
          .routing_key = to.short_string(m.routing_key, "routing key"),
          .arguments = to.table(m.arguments)};
}
amqp_queue_unbind_ok_t native(Encoder&, const QueueUnbindOk&) {
  return {};
}
amqp_queue_purge_t native(Encoder& to, const QueuePurge& m) {
  return {.queue = to.short_string(m.queue, "queue")};
}
amqp_queue_purge_ok_t native(Encoder&, const QueuePurgeOk& m) {
  return {m.message_count};
}
amqp_queue_delete_t native(Encoder& to, const QueueDelete& m) {
  return {.queue = to.short_string(m.queue, "queue"), .if_unused = m.if_unused, .if_empty = m.if_empty};
}
amqp_queue_delete_ok_t native(Encoder&, const QueueDeleteOk& m) {
  return {m.message_count};
}
amqp_basic_qos_t native(Encoder&, const BasicQos& m) {
  return {.prefetch_count = m.prefetch_count};
}
amqp_basic_qos_ok_t native(Encoder&, const BasicQosOk&) {
  return {};
}
amqp_basic_consume_t native(Encoder& to, const BasicConsume& m) {
  return {.queue = to.short_string(m.queue, "queue"),
          .consumer_tag = to.short_string(m.consumer_tag, "consumer tag"),
          .no_ack = m.no_ack,
          .exclusive = m.exclusive,
          .arguments = to.table(m.arguments)};
}
amqp_basic_consume_ok_t native(Encoder& to, const BasicConsumeOk& m) {
  return {to.short_string(m.consumer_tag, "consumer tag")};
}
amqp_basic_cancel_t native(Encoder& to, const BasicCancel& m) {
  return {.consumer_tag = to.short_string(m.consumer_tag, "consumer tag")};
}
amqp_basic_cancel_ok_t native(Encoder& to, const BasicCancelOk& m) {
  return {to.short_string(m.consumer_tag, "consumer tag")};
}
amqp_basic_publish_t native(Encoder& to, const BasicPublish& m) {
  return {.exchange = to.short_string(m.exchange, "exchange"),
          .routing_key = to.short_string(m.routing_key, "routing key"),
          .mandatory = m.mandatory};
}
amqp_basic_return_t native(Encoder& to, const BasicReturn& m) {
  return {m.code, to.short_string(m.text, "reply text"), to.short_string(m.exchange, "exchange"),
          to.short_string(m.routing_key, "routing key")};
}
amqp_basic_deliver_t native(Encoder& to, const BasicDeliver& m) {
  return {to.short_string(m.consumer_tag, "consumer tag"), m.delivery_tag, m.redelivered,
          to.short_string(m.exchange, "exchange"), to.short_string(m.routing_key, "routing key")};
}
amqp_basic_ack_t native(Encoder&, const BasicAck& m) {
  return {m.delivery_tag, m.multiple};
}
amqp_basic_nack_t native(Encoder&, const BasicNack& m) {
  return {m.delivery_tag, m.multiple, m.requeue};
}
amqp_confirm_select_t native(Encoder&, const ConfirmSelect&) {
  return {};
}
amqp_confirm_select_ok_t native(Encoder&, const ConfirmSelectOk&) {
  return {};
}

template <class M>
using Native = decltype(native(std::declval<Encoder&>(), std::declval<const M&>()));

// rabbitmq-c's struct -> ours. The first one stands for all methods without fields.
template <class M>
void read(Decoder&, const Native<M>&, M&) {
  static_assert(std::is_empty_v<M>, "a method with fields needs a read() of its own");
}
void read(Decoder& from, const amqp_connection_start_t& n, ConnectionStart& m) {
  m = {n.version_major, n.version_minor, from.table(n.server_properties), from.text(n.mechanisms),
       from.text(n.locales)};
}
void read(Decoder& from, const amqp_connection_start_ok_t& n, ConnectionStartOk& m) {
  m = {from.table(n.client_properties), from.text(n.mechanism), from.text(n.response), from.text(n.locale)};
}
void read(Decoder&, const amqp_connection_tune_t& n, ConnectionTune& m) {
  m = {n.channel_max, n.frame_max, n.heartbeat};
}
void read(Decoder&, const amqp_connection_tune_ok_t& n, ConnectionTuneOk& m) {
  m = {n.channel_max, n.frame_max, n.heartbeat};
}
void read(Decoder& from, const amqp_connection_open_t& n, ConnectionOpen& m) {
  m = {from.text(n.virtual_host)};
}
void read(Decoder& from, const amqp_connection_close_t& n, ConnectionClose& m) {
  m = {n.reply_code, from.text(n.reply_text)};
}
void read(Decoder& from, const amqp_connection_blocked_t& n, ConnectionBlocked& m) {
  m = {from.text(n.reason)};
}
void read(Decoder&, const amqp_channel_flow_t& n, ChannelFlow& m) {
  m = {n.active != 0};
}
void read(Decoder&, const amqp_channel_flow_ok_t& n, ChannelFlowOk& m) {
  m = {n.active != 0};
}
void read(Decoder& from, const amqp_channel_close_t& n, ChannelClose& m) {
  m = {n.reply_code, from.text(n.reply_text)};
}
void read(Decoder& from, const amqp_exchange_declare_t& n, ExchangeDeclare& m) {
  m = {from.text(n.exchange), from.text(n.type), n.passive != 0,         n.durable != 0,
       n.auto_delete != 0,    n.internal != 0,   from.table(n.arguments)};
}
void read(Decoder& from, const amqp_queue_declare_t& n, QueueDeclare& m) {
  m = {from.text(n.queue), n.passive != 0,     n.durable != 0,
       n.exclusive != 0,   n.auto_delete != 0, from.table(n.arguments)};
}
void read(Decoder& from, const amqp_queue_declare_ok_t& n, QueueDeclareOk& m) {
  m = {from.text(n.queue), n.message_count, n.consumer_count};
}
void read(Decoder& from, const amqp_queue_bind_t& n, QueueBind& m) {
  m = {from.text(n.queue), from.text(n.exchange), from.text(n.routing_key), from.table(n.arguments)};
}
void read(Decoder& from, const amqp_queue_unbind_t& n, QueueUnbind& m) {
  m = {from.text(n.queue), from.text(n.exchange), from.text(n.routing_key), from.table(n.arguments)};
}
void read(Decoder& from, const amqp_queue_purge_t& n, QueuePurge& m) {
  m = {from.text(n.queue)};
}
void read(Decoder&, const amqp_queue_purge_ok_t& n, QueuePurgeOk& m) {
  m = {n.message_count};
}
void read(Decoder& from, const amqp_queue_delete_t& n, QueueDelete& m) {
  m = {from.text(n.queue), n.if_unused != 0, n.if_empty != 0};
}
void read(Decoder&, const amqp_queue_delete_ok_t& n, QueueDeleteOk& m) {
  m = {n.message_count};
}
void read(Decoder&, const amqp_basic_qos_t& n, BasicQos& m) {
  m = {n.prefetch_count};
}
void read(Decoder& from, const amqp_basic_consume_t& n, BasicConsume& m) {
  m = {from.text(n.queue), from.text(n.consumer_tag), n.no_ack != 0, n.exclusive != 0, from.table(n.arguments)};
}
void read(Decoder& from, const amqp_basic_consume_ok_t& n, BasicConsumeOk& m) {
  m = {from.text(n.consumer_tag)};
}
void read(Decoder& from, const amqp_basic_cancel_t& n, BasicCancel& m) {
  m = {from.text(n.consumer_tag)};
}
void read(Decoder& from, const amqp_basic_cancel_ok_t& n, BasicCancelOk& m) {
  m = {from.text(n.consumer_tag)};
}
void read(Decoder& from, const amqp_basic_publish_t& n, BasicPublish& m) {
  m = {from.text(n.exchange), from.text(n.routing_key), n.mandatory != 0};
}
void read(Decoder& from, const amqp_basic_return_t& n, BasicReturn& m) {
  m = {n.reply_code, from.text(n.reply_text), from.text(n.exchange), from.text(n.routing_key)};
}
void read(Decoder& from, const amqp_basic_deliver_t& n, BasicDeliver& m) {
  m = {from.text(n.consumer_tag), n.delivery_tag, n.redelivered != 0, from.text(n.exchange), from.text(n.routing_key)};
}
void read(Decoder&, const amqp_basic_ack_t& n, BasicAck& m) {
  m = {n.delivery_tag, n.multiple != 0};
}
void read(Decoder&, const amqp_basic_nack_t& n, BasicNack& m) {
  m = {n.delivery_tag, n.multiple != 0, n.requeue != 0};
}

// Where in a method its table starts: fixed octets, then short strings, then octets of bits.
struct TablePosition {
  std::uint32_t id;
  std::size_t fixed;
  std::size_t short_strings;
  std::size_t bits;
};
constexpr std::array table_positions = {
    TablePosition{ConnectionStart::id, 2, 0, 0}, TablePosition{ConnectionStartOk::id, 0, 0, 0},
    TablePosition{ExchangeDeclare::id, 2, 2, 1}, TablePosition{QueueDeclare::id, 2, 1, 1},
    TablePosition{QueueBind::id, 2, 3, 1},       TablePosition{QueueUnbind::id, 2, 3, 0},
    TablePosition{BasicConsume::id, 2, 2, 1},
};

Result<void> scan_method_table(std::uint32_t id, ByteView arguments) {
  for (const auto& position : table_positions) {
    if (position.id != id) continue;
    std::size_t at = position.fixed;
    for (std::size_t i = 0; i < position.short_strings; ++i) {
      if (at >= arguments.size()) return malformed("a method is cut short");
      at += std::size_t{1} + arguments[at];
    }
    auto end = TableScan(arguments).table_end(at + position.bits);
    if (!end) return end.error();
  }
  return {};
}

template <std::size_t... index>
bool read_alternative(std::index_sequence<index...>, Decoder& from, std::uint32_t id, const void* decoded,
                      Method& result) {
  const auto attempt = [&]<class M>(std::type_identity<M>) {
    if (id != M::id) return false;
    if (decoded == nullptr) return true;
    read(from, *static_cast<const Native<M>*>(decoded), result.emplace<M>());
    return true;
  };
  return (attempt(std::type_identity<std::variant_alternative_t<index, Method>>{}) || ...);
}

constexpr auto all_methods = std::make_index_sequence<std::variant_size_v<Method>>{};

Result<Properties> decode_properties(ByteView encoded) {
  if (encoded.size() < 2) return malformed("a content header has no property flags");
  const auto flags = read_be<std::uint16_t>(encoded.data());
  if ((flags & 1) != 0) return malformed("property flags are continued");

  // The headers come after at most two short strings.
  if ((flags & AMQP_BASIC_HEADERS_FLAG) != 0) {
    std::size_t at = 2;
    for (const int flag : {AMQP_BASIC_CONTENT_TYPE_FLAG, AMQP_BASIC_CONTENT_ENCODING_FLAG}) {
      if ((flags & flag) == 0) continue;
      if (at >= encoded.size()) return malformed("properties are cut short");
      at += std::size_t{1} + encoded[at];
    }
    if (auto end = TableScan(encoded).table_end(at); !end) return end.error();
  }

  const Scratch scratch;
  void* decoded = nullptr;
  if (amqp_decode_properties(basic_class, scratch.get(), native_bytes(encoded), &decoded) != 0) {
    return malformed("properties are malformed");
  }
  const auto& native = *static_cast<const amqp_basic_properties_t*>(decoded);
  Decoder from;
  Properties result;
  const auto text = [&](int flag, amqp_bytes_t bytes, std::optional<std::string>& field) {
    if ((flags & flag) != 0) field = from.text(bytes);
  };
  text(AMQP_BASIC_CONTENT_TYPE_FLAG, native.content_type, result.content_type);
  text(AMQP_BASIC_CONTENT_ENCODING_FLAG, native.content_encoding, result.content_encoding);
  text(AMQP_BASIC_CORRELATION_ID_FLAG, native.correlation_id, result.correlation_id);
  text(AMQP_BASIC_REPLY_TO_FLAG, native.reply_to, result.reply_to);
  text(AMQP_BASIC_EXPIRATION_FLAG, native.expiration, result.expiration);
  text(AMQP_BASIC_MESSAGE_ID_FLAG, native.message_id, result.message_id);
  text(AMQP_BASIC_TYPE_FLAG, native.type, result.type);
  text(AMQP_BASIC_USER_ID_FLAG, native.user_id, result.user_id);
  text(AMQP_BASIC_APP_ID_FLAG, native.app_id, result.app_id);
  if ((flags & AMQP_BASIC_HEADERS_FLAG) != 0) result.headers = from.table(native.headers);
  if ((flags & AMQP_BASIC_DELIVERY_MODE_FLAG) != 0) result.delivery_mode = native.delivery_mode;
  if ((flags & AMQP_BASIC_PRIORITY_FLAG) != 0) result.priority = native.priority;
  if ((flags & AMQP_BASIC_TIMESTAMP_FLAG) != 0) result.timestamp = native.timestamp;
  if (from.error()) return *from.error();
  return result;
}

amqp_basic_properties_t native_properties(Encoder& to, const Properties& source) {
  amqp_basic_properties_t result{};
  const auto text = [&](int flag, const std::optional<std::string>& field, const char* name, amqp_bytes_t& bytes) {
    if (!field) return;
    result._flags |= static_cast<amqp_flags_t>(flag);
    bytes = to.short_string(*field, name);
  };
  text(AMQP_BASIC_CONTENT_TYPE_FLAG, source.content_type, "content type", result.content_type);
  text(AMQP_BASIC_CONTENT_ENCODING_FLAG, source.content_encoding, "content encoding", result.content_encoding);
  text(AMQP_BASIC_CORRELATION_ID_FLAG, source.correlation_id, "correlation id", result.correlation_id);
  text(AMQP_BASIC_REPLY_TO_FLAG, source.reply_to, "reply-to", result.reply_to);
  text(AMQP_BASIC_EXPIRATION_FLAG, source.expiration, "expiration", result.expiration);
  text(AMQP_BASIC_MESSAGE_ID_FLAG, source.message_id, "message id", result.message_id);
  text(AMQP_BASIC_TYPE_FLAG, source.type, "type", result.type);
  text(AMQP_BASIC_USER_ID_FLAG, source.user_id, "user id", result.user_id);
  text(AMQP_BASIC_APP_ID_FLAG, source.app_id, "app id", result.app_id);
  if (!source.headers.empty()) {
    result._flags |= AMQP_BASIC_HEADERS_FLAG;
    result.headers = to.table(source.headers);
  }
  if (source.delivery_mode) {
    result._flags |= AMQP_BASIC_DELIVERY_MODE_FLAG;
    result.delivery_mode = *source.delivery_mode;
  }
  if (source.priority) {
    result._flags |= AMQP_BASIC_PRIORITY_FLAG;
    result.priority = *source.priority;
  }
  if (source.timestamp) {
    result._flags |= AMQP_BASIC_TIMESTAMP_FLAG;
    result.timestamp = *source.timestamp;
  }
  return result;
}

// Room at the end of `out` for rabbitmq-c to write into.
amqp_bytes_t room(std::string& out, std::size_t space) {
  const std::size_t at = out.size();
  out.resize(at + space);
  return {space, out.data() + at};
}

Error too_large(std::string message) {
  return {Errc::too_large, "amqp_limit", std::move(message)};
}

}  // namespace

Result<std::optional<Frame>> next_frame(ByteView& input, std::uint32_t frame_max) {
  if (input.empty()) return std::optional<Frame>{};
  const auto type = input[0];
  if (type == 'A') return malformed("the server speaks another version of AMQP");
  if (type != 1 && type != 2 && type != 3 && type != 8) return malformed("a frame of an unknown type");
  if (input.size() < frame_head) return std::optional<Frame>{};

  const std::size_t size = read_be<std::uint32_t>(&input[3]);
  if (size > frame_max - frame_overhead) return malformed("a frame is larger than was negotiated");
  if (input.size() < size + frame_overhead) return std::optional<Frame>{};
  if (input[frame_head + size] != frame_end) return malformed("a frame does not end where it says");

  const Frame frame{static_cast<FrameType>(type), read_be<std::uint16_t>(&input[1]), input.subspan(frame_head, size)};
  input = input.subspan(size + frame_overhead);
  return std::optional(frame);
}

Result<void> append_method(std::string& out, ChannelId channel, const Method& value, std::uint32_t frame_max) {
  const std::size_t start = out.size();
  const Scratch scratch;
  Encoder to(scratch.get());
  auto encoded = std::visit(
      [&]<class M>(const M& m) -> Result<std::size_t> {
        Native<M> filled = native(to, m);
        if (to.error()) return *to.error();
        append_head(out, FrameType::method, channel, 0);
        append_be(out, M::id);
        const int size = amqp_encode_method(M::id, &filled, room(out, to.space()));
        TENANTRY_ASSERT(size >= 0);  // the limits were checked and the room is ample
        return static_cast<std::size_t>(size) + 4;
      },
      value);
  if (encoded && *encoded > frame_max - frame_overhead) encoded = too_large("a method does not fit one frame");
  if (!encoded) {
    out.resize(start);
    return encoded.error();
  }
  out.resize(start + frame_head + *encoded);
  write_be32(out, start + 3, static_cast<std::uint32_t>(*encoded));
  out.push_back(static_cast<char>(frame_end));
  return {};
}

Result<void> append_content(std::string& out, ChannelId channel, const Properties& properties, std::string_view body,
                            std::uint32_t frame_max) {
  const std::size_t start = out.size();
  const Scratch scratch;
  Encoder to(scratch.get());
  auto filled = native_properties(to, properties);
  if (to.error()) return *to.error();

  append_head(out, FrameType::header, channel, 0);
  append_be(out, basic_class);
  append_be(out, std::uint16_t{0});
  append_be(out, std::uint64_t{body.size()});
  const int encoded = amqp_encode_properties(basic_class, &filled, room(out, to.space()));
  TENANTRY_ASSERT(encoded >= 0);
  const std::size_t size = static_cast<std::size_t>(encoded) + 12;
  if (size > frame_max - frame_overhead) {
    out.resize(start);
    return too_large("properties do not fit one frame");
  }
  out.resize(start + frame_head + size);
  write_be32(out, start + 3, static_cast<std::uint32_t>(size));
  out.push_back(static_cast<char>(frame_end));

  while (!body.empty()) {
    const auto piece = body.substr(0, frame_max - frame_overhead);
    append_head(out, FrameType::body, channel, static_cast<std::uint32_t>(piece.size()));
    out += piece;
    out.push_back(static_cast<char>(frame_end));
    body.remove_prefix(piece.size());
  }
  return {};
}

void append_heartbeat(std::string& out) {
  append_head(out, FrameType::heartbeat, 0, 0);
  out.push_back(static_cast<char>(frame_end));
}

Result<Method> decode_method(ByteView payload) {
  if (payload.size() < 4) return malformed("a method frame is too short for a method");
  const auto id = read_be<std::uint32_t>(payload.data());
  const auto arguments = payload.subspan(4);

  Method result;
  Decoder from;
  if (!read_alternative(all_methods, from, id, nullptr, result)) return malformed("an unknown method");
  if (auto scanned = scan_method_table(id, arguments); !scanned) return scanned.error();

  const Scratch scratch;
  void* decoded = nullptr;
  if (amqp_decode_method(id, scratch.get(), native_bytes(arguments), &decoded) != 0 || decoded == nullptr) {
    return malformed("a method is malformed");
  }
  read_alternative(all_methods, from, id, decoded, result);
  if (from.error()) return *from.error();
  return result;
}

Result<ContentHeader> decode_content_header(ByteView payload) {
  if (payload.size() < 12) return malformed("a content header is too short");
  if (read_be<std::uint16_t>(payload.data()) != basic_class) return malformed("content of an unknown class");
  return ContentHeader{read_be<std::uint64_t>(&payload[4]), decode_properties(payload.subspan(12))};
}

Result<std::string> encode_table(const Table& table) {
  const Scratch scratch;
  Encoder to(scratch.get());
  auto filled = to.table(table);
  if (to.error()) return *to.error();
  std::string out;
  std::size_t offset = 0;
  TENANTRY_ASSERT(amqp_encode_table(room(out, to.space()), &filled, &offset) == 0);
  out.resize(offset);
  return out;
}

Result<Table> decode_table(ByteView encoded) {
  auto end = TableScan(encoded).table_end(0);
  if (!end) return end.error();
  const Scratch scratch;
  amqp_table_t decoded{};
  std::size_t offset = 0;
  if (amqp_decode_table(native_bytes(encoded.first(*end)), scratch.get(), &decoded, &offset) != 0) {
    return malformed("a table is malformed");
  }
  Decoder from;
  auto result = from.table(decoded);
  if (from.error()) return *from.error();
  return result;
}

}  // namespace tenantry::amqp
