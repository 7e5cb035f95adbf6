// Messages as they cross the wire: properties and body, and what the broker says
// about them. All of it owns its bytes and may be moved to another thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "shared/amqp/table.h"

namespace tenantry::amqp {

using ChannelId = std::uint16_t;  // 1 and up; 0 is the connection itself

struct Properties {
  std::optional<std::string> content_type{};
  std::optional<std::string> content_encoding{};
  Table headers{};                              // an empty table is not sent
  std::optional<std::uint8_t> delivery_mode{};  // 2 is persistent
  std::optional<std::uint8_t> priority{};
  std::optional<std::string> correlation_id{};
  std::optional<std::string> reply_to{};
  std::optional<std::string> expiration{};  // milliseconds, in digits
  std::optional<std::string> message_id{};
  std::optional<std::uint64_t> timestamp{};  // seconds since 1970
  std::optional<std::string> type{};
  std::optional<std::string> user_id{};  // checked by the broker against the publisher's login
  std::optional<std::string> app_id{};

  bool operator==(const Properties&) const = default;
};

// A message handed to one of our consumers. Two defects any publisher can cause are
// marked, so that the receiver dead-letters the message; neither costs the connection.
struct Delivery {
  ChannelId channel = 0;
  std::string consumer_tag;
  std::uint64_t delivery_tag = 0;
  bool redelivered = false;
  std::string exchange;  // as the broker states it: a publisher cannot forge it
  std::string routing_key;
  Properties properties{};
  std::string body{};
  std::uint64_t body_size = 0;      // as declared
  bool oversized = false;           // larger than body_size_max: the body was discarded
  bool properties_refused = false;  // nested too deep or malformed: `properties` is empty
};

// A mandatory message no queue took. It arrives before the confirm of its publish.
struct Returned {
  ChannelId channel = 0;
  int reply_code = 0;  // 312: no route
  std::string reply_text;
  std::string exchange;
  std::string routing_key;
  Properties properties{};
  std::string body{};
};

// What to publish and where; borrowed for the call.
struct Publication {
  std::string_view exchange{};  // empty: the default exchange, straight to the queue `routing_key`
  std::string_view routing_key{};
  const Properties& properties;
  std::string_view body{};
  bool mandatory = true;  // ask for a Returned when nothing takes it
};

}  // namespace tenantry::amqp
