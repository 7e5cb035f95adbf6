// What a connection reports, and why one ends.
//
// Handlers run on the loop thread, inside feed() or tick() of the core. They may use
// the connection and may destroy it. Those left empty are not called.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "shared/amqp/message.h"
#include "shared/core/error.h"

namespace tenantry::amqp {

enum class CloseKind {
  requested,        // we closed it
  vhost_deleted,    // the tenant is gone
  vhost_down,       // the broker could not start the vhost, or stopped it. RabbitMQ 3.10 says so of
                    // a vhost being deleted, too: connect again, and vhost_not_found tells
  vhost_not_found,  // not provisioned yet, or never
  access_refused,   // the user has no permission in the vhost
  bad_credentials,
  limit_reached,  // connections of the vhost or the user
  user_deleted,
  broker_shutdown,    // or closed by an operator
  heartbeat_timeout,  // also: no answer during the handshake
  network,            // could not connect, TLS refused, or the socket broke
  protocol_error,     // by either side; its cause is a bug or an attack
};

std::string_view to_string(CloseKind kind);

struct CloseReason {
  CloseKind kind = CloseKind::network;
  int code = 0;  // the broker's reply code; 0 when it sent none
  std::string text;
};

// `during_handshake`: before the broker accepted the vhost.
CloseReason classify_close(int code, std::string text, bool during_handshake);

// A channel's close code as the error of the call it answers: 403 forbidden, 404
// not_found, 405 and 406 conflict, 311 too_large; the reason is "channel_closed".
Error channel_error(int code, std::string text);

struct Handlers {
  std::function<void()> on_ready{};
  // Exactly once, also when the connection never became ready; nothing is called after it.
  std::function<void(const CloseReason&)> on_closed{};
  std::function<void(bool blocked, const std::string& reason)> on_blocked{};
  std::function<void(Delivery&&)> on_delivery{};
  // `multiple`: all publishes of the channel up to and including `sequence`.
  std::function<void(ChannelId, std::uint64_t sequence, bool multiple, bool ack)> on_confirm{};
  std::function<void(Returned&&)> on_return{};
  // The broker closed the channel. Not called for close_channel().
  std::function<void(ChannelId, int code, const std::string& text)> on_channel_closed{};
  // The queue went away, or moved. Nothing more arrives for that tag.
  std::function<void(ChannelId, const std::string& consumer_tag)> on_consumer_cancelled{};
};

}  // namespace tenantry::amqp
