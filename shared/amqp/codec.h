// Codec: AMQP 0-9-1 frames, methods, properties and tables <-> our own values.
//
// rabbitmq-c encodes and decodes underneath; it trusts its input, so everything is
// checked here before it sees a byte. Pure, except for a pool of scratch memory per
// thread. Used by ConnectionCore and, for the other side of the wire, by tests.
//
// Limits: 16 levels of nesting and 4,096 values in a table (memory of a decoded table
// stays a small multiple of its frame); 255 bytes in a short string and in a name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "shared/amqp/message.h"
#include "shared/core/bytes.h"
#include "shared/core/result.h"

namespace tenantry::amqp {

constexpr std::uint32_t frame_size_min = 4096;    // the specification's
constexpr std::uint32_t frame_size_max = 131072;  // RabbitMQ's default; a larger one buys nothing
constexpr std::size_t frame_overhead = 8;         // head and end octet
constexpr int table_depth_max = 16;
constexpr std::size_t table_values_max = 4096;

enum class FrameType : std::uint8_t { method = 1, header = 2, body = 3, heartbeat = 8 };

struct Frame {
  FrameType type;
  ChannelId channel;
  ByteView payload;  // into the input
};

// Takes one whole frame off the front of `input`; nothing when it has not all arrived.
// A frame larger than `frame_max` is refused from its head, before its bytes arrive.
Result<std::optional<Frame>> next_frame(ByteView& input, std::uint32_t frame_max);

// The methods in use, both directions. Reserved fields and no-wait bits are left out:
// no-wait is never set, because a reply is what reports the failure.
namespace method {

struct ConnectionStart {
  static constexpr std::uint32_t id = 0x000A000A;
  std::uint8_t version_major = 0;
  std::uint8_t version_minor = 9;
  Table server_properties{};
  std::string mechanisms{};
  std::string locales{};
};
struct ConnectionStartOk {
  static constexpr std::uint32_t id = 0x000A000B;
  Table client_properties{};
  std::string mechanism{};
  std::string response{};
  std::string locale{};
};
struct ConnectionTune {
  static constexpr std::uint32_t id = 0x000A001E;
  std::uint16_t channel_max = 0;
  std::uint32_t frame_max = 0;
  std::uint16_t heartbeat = 0;  // seconds
};
struct ConnectionTuneOk {
  static constexpr std::uint32_t id = 0x000A001F;
  std::uint16_t channel_max = 0;
  std::uint32_t frame_max = 0;
  std::uint16_t heartbeat = 0;  // seconds
};
struct ConnectionOpen {
  static constexpr std::uint32_t id = 0x000A0028;
  std::string vhost{};
};
struct ConnectionOpenOk {
  static constexpr std::uint32_t id = 0x000A0029;
};
struct ConnectionClose {
  static constexpr std::uint32_t id = 0x000A0032;
  std::uint16_t code = 0;
  std::string text{};
};
struct ConnectionCloseOk {
  static constexpr std::uint32_t id = 0x000A0033;
};
struct ConnectionBlocked {
  static constexpr std::uint32_t id = 0x000A003C;
  std::string reason{};
};
struct ConnectionUnblocked {
  static constexpr std::uint32_t id = 0x000A003D;
};
struct ChannelOpen {
  static constexpr std::uint32_t id = 0x0014000A;
};
struct ChannelOpenOk {
  static constexpr std::uint32_t id = 0x0014000B;
};
struct ChannelFlow {
  static constexpr std::uint32_t id = 0x00140014;
  bool active = true;
};
struct ChannelFlowOk {
  static constexpr std::uint32_t id = 0x00140015;
  bool active = true;
};
struct ChannelClose {
  static constexpr std::uint32_t id = 0x00140028;
  std::uint16_t code = 0;
  std::string text{};
};
struct ChannelCloseOk {
  static constexpr std::uint32_t id = 0x00140029;
};
struct ExchangeDeclare {
  static constexpr std::uint32_t id = 0x0028000A;
  std::string exchange{};
  std::string type{};
  bool passive = false;
  bool durable = false;
  bool auto_delete = false;
  bool internal = false;
  Table arguments{};
};
struct ExchangeDeclareOk {
  static constexpr std::uint32_t id = 0x0028000B;
};
struct QueueDeclare {
  static constexpr std::uint32_t id = 0x0032000A;
  std::string queue{};
  bool passive = false;
  bool durable = false;
  bool exclusive = false;
  bool auto_delete = false;
  Table arguments{};
};
struct QueueDeclareOk {
  static constexpr std::uint32_t id = 0x0032000B;
  std::string queue{};
  std::uint32_t message_count = 0;
  std::uint32_t consumer_count = 0;
};
struct QueueBind {
  static constexpr std::uint32_t id = 0x00320014;
  std::string queue{};
  std::string exchange{};
  std::string routing_key{};
  Table arguments{};
};
struct QueueBindOk {
  static constexpr std::uint32_t id = 0x00320015;
};
struct QueueUnbind {
  static constexpr std::uint32_t id = 0x00320032;
  std::string queue{};
  std::string exchange{};
  std::string routing_key{};
  Table arguments{};
};
struct QueueUnbindOk {
  static constexpr std::uint32_t id = 0x00320033;
};
struct QueuePurge {
  static constexpr std::uint32_t id = 0x0032001E;
  std::string queue{};
};
struct QueuePurgeOk {
  static constexpr std::uint32_t id = 0x0032001F;
  std::uint32_t message_count = 0;
};
struct QueueDelete {
  static constexpr std::uint32_t id = 0x00320028;
  std::string queue{};
  bool if_unused = false;
  bool if_empty = false;
};
struct QueueDeleteOk {
  static constexpr std::uint32_t id = 0x00320029;
  std::uint32_t message_count = 0;
};
struct BasicQos {
  static constexpr std::uint32_t id = 0x003C000A;
  std::uint16_t prefetch_count = 0;
};
struct BasicQosOk {
  static constexpr std::uint32_t id = 0x003C000B;
};
struct BasicConsume {
  static constexpr std::uint32_t id = 0x003C0014;
  std::string queue{};
  std::string consumer_tag{};
  bool no_ack = false;
  bool exclusive = false;
  Table arguments{};
};
struct BasicConsumeOk {
  static constexpr std::uint32_t id = 0x003C0015;
  std::string consumer_tag{};
};
struct BasicCancel {
  static constexpr std::uint32_t id = 0x003C001E;
  std::string consumer_tag{};
};
struct BasicCancelOk {
  static constexpr std::uint32_t id = 0x003C001F;
  std::string consumer_tag{};
};
struct BasicPublish {
  static constexpr std::uint32_t id = 0x003C0028;
  std::string exchange{};
  std::string routing_key{};
  bool mandatory = false;
};
struct BasicReturn {
  static constexpr std::uint32_t id = 0x003C0032;
  std::uint16_t code = 0;
  std::string text{};
  std::string exchange{};
  std::string routing_key{};
};
struct BasicDeliver {
  static constexpr std::uint32_t id = 0x003C003C;
  std::string consumer_tag{};
  std::uint64_t delivery_tag = 0;
  bool redelivered = false;
  std::string exchange{};
  std::string routing_key{};
};
struct BasicAck {
  static constexpr std::uint32_t id = 0x003C0050;
  std::uint64_t delivery_tag = 0;
  bool multiple = false;
};
struct BasicNack {
  static constexpr std::uint32_t id = 0x003C0078;
  std::uint64_t delivery_tag = 0;
  bool multiple = false;
  bool requeue = false;
};
struct ConfirmSelect {
  static constexpr std::uint32_t id = 0x0055000A;
};
struct ConfirmSelectOk {
  static constexpr std::uint32_t id = 0x0055000B;
};

}  // namespace method

using Method =
    std::variant<method::ConnectionStart, method::ConnectionStartOk, method::ConnectionTune, method::ConnectionTuneOk,
                 method::ConnectionOpen, method::ConnectionOpenOk, method::ConnectionClose, method::ConnectionCloseOk,
                 method::ConnectionBlocked, method::ConnectionUnblocked, method::ChannelOpen, method::ChannelOpenOk,
                 method::ChannelFlow, method::ChannelFlowOk, method::ChannelClose, method::ChannelCloseOk,
                 method::ExchangeDeclare, method::ExchangeDeclareOk, method::QueueDeclare, method::QueueDeclareOk,
                 method::QueueBind, method::QueueBindOk, method::QueueUnbind, method::QueueUnbindOk, method::QueuePurge,
                 method::QueuePurgeOk, method::QueueDelete, method::QueueDeleteOk, method::BasicQos, method::BasicQosOk,
                 method::BasicConsume, method::BasicConsumeOk, method::BasicCancel, method::BasicCancelOk,
                 method::BasicPublish, method::BasicReturn, method::BasicDeliver, method::BasicAck, method::BasicNack,
                 method::ConfirmSelect, method::ConfirmSelectOk>;

// Each appends whole frames to `out`, or leaves it as it was and says what breaks a limit.
Result<void> append_method(std::string& out, ChannelId channel, const Method& value, std::uint32_t frame_max);
Result<void> append_content(std::string& out, ChannelId channel, const Properties& properties, std::string_view body,
                            std::uint32_t frame_max);
void append_heartbeat(std::string& out);

// An unknown method id is an error: nobody sends us one that we did not ask for.
Result<Method> decode_method(ByteView payload);

struct ContentHeader {
  std::uint64_t body_size = 0;
  Result<Properties> properties;  // apart, because a publisher writes them: the frame may be sound and these not
};
Result<ContentHeader> decode_content_header(ByteView payload);

// With their leading 32-bit length.
Result<std::string> encode_table(const Table& table);
Result<Table> decode_table(ByteView encoded);

}  // namespace tenantry::amqp
