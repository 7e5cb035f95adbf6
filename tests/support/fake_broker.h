// FakeBroker: the other end of a ConnectionCore, in memory. It builds the bytes a
// broker sends and reads those a client sends, both by our own codec.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "shared/amqp/connection_core.h"

namespace tenantry::amqp::testing {

inline std::string frame(ChannelId channel, const Method& method) {
  std::string out;
  EXPECT_TRUE(append_method(out, channel, method, frame_size_max));
  return out;
}

inline std::string content(ChannelId channel, const Method& method, const Properties& properties, std::string_view body,
                           std::uint32_t frame_max = frame_size_max) {
  std::string out = frame(channel, method);
  EXPECT_TRUE(append_content(out, channel, properties, body, frame_max));
  return out;
}

inline std::string heartbeat() {
  std::string out;
  append_heartbeat(out);
  return out;
}

// A frame with any payload, right or wrong.
inline std::string raw_frame(int type, ChannelId channel, std::string_view payload) {
  std::string out;
  const auto octet = [&](std::size_t value) { out.push_back(static_cast<char>(value & 0xFF)); };
  octet(static_cast<std::size_t>(type));
  octet(channel >> 8);
  octet(channel);
  for (int shift = 24; shift >= 0; shift -= 8) octet(payload.size() >> shift);
  out += payload;
  octet(0xCE);
  return out;
}

class FakeBroker {
 public:
  explicit FakeBroker(ConnectionCore& core) : core_(core) {}

  // Every method the client has sent since the last call; content frames are skipped.
  std::vector<std::pair<ChannelId, Method>> sent() {
    std::string bytes = core_.take_output();
    ByteView rest = as_bytes(bytes);
    if (as_text(rest).starts_with("AMQP")) rest = rest.subspan(8);
    std::vector<std::pair<ChannelId, Method>> result;
    while (true) {
      const auto next = next_frame(rest, frame_size_max);
      EXPECT_TRUE(next.has_value());
      if (!next || !next->has_value()) break;
      const Frame& one = **next;
      if (one.type == FrameType::heartbeat) ++heartbeats;
      if (one.type != FrameType::method) continue;
      auto method = decode_method(one.payload);
      EXPECT_TRUE(method.has_value());
      if (method) result.emplace_back(one.channel, std::move(*method));
    }
    EXPECT_TRUE(rest.empty());
    return result;
  }

  // The one method of that kind among those sent.
  template <class M>
  M expect() {
    for (auto& [channel, method] : sent()) {
      if (auto* found = std::get_if<M>(&method)) return *found;
    }
    ADD_FAILURE() << "the client did not send what was expected";
    return {};
  }

  Result<void> feed(std::string_view bytes) { return core_.feed(as_bytes(bytes)); }
  Result<void> reply(ChannelId channel, const Method& method) { return feed(frame(channel, method)); }

  void handshake(method::ConnectionTune tune = {2047, frame_size_max, 60}) {
    ASSERT_TRUE(reply(0, method::ConnectionStart{.mechanisms = "AMQPLAIN PLAIN", .locales = "en_US"}));
    ASSERT_TRUE(reply(0, tune));
    ASSERT_TRUE(reply(0, method::ConnectionOpenOk{}));
    ASSERT_TRUE(core_.ready());
    sent();
  }

  ChannelId open_channel() {
    const auto id = core_.open_channel(nullptr);
    EXPECT_TRUE(id);
    EXPECT_TRUE(reply(*id, method::ChannelOpenOk{}));
    sent();
    return *id;
  }

  void consume(ChannelId channel, const std::string& tag) {
    EXPECT_TRUE(core_.consume(channel, "queue", tag, {}, nullptr));
    EXPECT_TRUE(reply(channel, method::BasicConsumeOk{tag}));
    sent();
  }

  int heartbeats = 0;

 private:
  ConnectionCore& core_;
};

}  // namespace tenantry::amqp::testing
