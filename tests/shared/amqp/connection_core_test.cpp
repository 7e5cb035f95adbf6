// Goal: the protocol's states, and that no broker, however hostile, gets more than an Error.
// Method: a FakeBroker feeds byte strings; time is told by tick().
#include "shared/amqp/connection_core.h"

#include <gtest/gtest.h>

#include "tests/support/fake_broker.h"

namespace tenantry::amqp::connection_core_test {
namespace {

using std::chrono::milliseconds;
using testing::content;
using testing::FakeBroker;
using testing::frame;
using testing::raw_frame;

struct Confirm {
  std::uint64_t sequence;
  bool multiple;
  bool ack;
  bool operator==(const Confirm&) const = default;
};

class Core : public ::testing::Test {
 protected:
  Handlers handlers() {
    return {.on_ready = [this] { ++ready; },
            .on_closed = [this](const CloseReason& reason) { closed.push_back(reason); },
            .on_blocked = [this](bool now, const std::string& why) { blocked.emplace_back(now, why); },
            .on_delivery = [this](Delivery&& one) { deliveries.push_back(std::move(one)); },
            .on_confirm =
                [this](ChannelId, std::uint64_t sequence, bool multiple, bool ack) {
                  confirms.push_back({sequence, multiple, ack});
                  log += ack ? "a" : "n";
                },
            .on_return =
                [this](Returned&& one) {
                  returns.push_back(std::move(one));
                  log += "r";
                },
            .on_channel_closed = [this](ChannelId id, int code,
                                        const std::string&) { channels_closed.emplace_back(id, code); },
            .on_consumer_cancelled = [this](ChannelId, const std::string& tag) { cancelled.push_back(tag); }};
  }

  // Ready, with one channel and a consumer "tag" on it.
  void consuming() {
    broker.handshake();
    ASSERT_EQ(broker.open_channel(), 1);
    broker.consume(1, "tag");
  }

  std::string delivery(std::string_view body, const Properties& properties = {}, const char* tag = "tag") {
    return content(1, method::BasicDeliver{tag, 7, true, "events", "key"}, properties, body);
  }

  void expect_protocol_error(std::string_view bytes) {
    EXPECT_FALSE(broker.feed(bytes));
    ASSERT_EQ(closed.size(), 1U);
    EXPECT_EQ(closed[0].kind, CloseKind::protocol_error);
    EXPECT_TRUE(core.closed());
  }

  int ready = 0;
  std::string log;
  std::vector<CloseReason> closed;
  std::vector<std::pair<bool, std::string>> blocked;
  std::vector<Delivery> deliveries;
  std::vector<Confirm> confirms;
  std::vector<Returned> returns;
  std::vector<std::pair<ChannelId, int>> channels_closed;
  std::vector<std::string> cancelled;
  ConnectionCore core{
      {.vhost = "tenant-1", .user = "worker", .password = "secret", .name = "billing", .body_size_max = 1000},
      handlers()};
  FakeBroker broker{core};
};

TEST_F(Core, HandshakeAnnouncesWhatWeCanDoAndTakesTheLowerLimits) {
  EXPECT_EQ(core.take_output(), std::string("AMQP\0\0\x09\x01", 8));
  ASSERT_TRUE(broker.reply(0, method::ConnectionStart{.mechanisms = "PLAIN AMQPLAIN"}));
  const auto start_ok = broker.expect<method::ConnectionStartOk>();
  EXPECT_EQ(start_ok.mechanism, "PLAIN");
  EXPECT_EQ(start_ok.response, std::string("\0worker\0secret", 14));
  EXPECT_EQ(start_ok.client_properties.get_string("connection_name"), "billing");
  const auto& capabilities = std::get<Table>(start_ok.client_properties.find("capabilities")->data);
  for (const char* name : {"publisher_confirms", "basic.nack", "consumer_cancel_notify", "connection.blocked",
                           "per_consumer_qos", "authentication_failure_close", "exchange_exchange_bindings"}) {
    ASSERT_NE(capabilities.find(name), nullptr) << name;
  }

  ASSERT_TRUE(broker.reply(0, method::ConnectionTune{10, 8192, 60}));
  const auto sent = broker.sent();
  ASSERT_EQ(sent.size(), 2U);
  const auto& tuned = std::get<method::ConnectionTuneOk>(sent[0].second);
  EXPECT_EQ(tuned.channel_max, 10);
  EXPECT_EQ(tuned.frame_max, 8192U);
  EXPECT_EQ(tuned.heartbeat, 30);
  EXPECT_EQ(std::get<method::ConnectionOpen>(sent[1].second).vhost, "tenant-1");

  EXPECT_EQ(ready, 0);
  ASSERT_TRUE(broker.reply(0, method::ConnectionOpenOk{}));
  EXPECT_EQ(ready, 1);
}

TEST_F(Core, DeliveryArrivesWholeWhereverItIsSplit) {
  consuming();
  const Properties properties{.headers = {{"tenant", "t"}}, .message_id = "m-1"};
  const auto bytes = delivery("hello", properties);
  for (std::size_t split = 0; split <= bytes.size(); ++split) {
    deliveries.clear();
    // Copies, so that a view kept across the split is seen.
    const std::string head = bytes.substr(0, split);
    const std::string tail = bytes.substr(split);
    ASSERT_TRUE(broker.feed(head));
    ASSERT_TRUE(broker.feed(tail));
    ASSERT_EQ(deliveries.size(), 1U) << split;
    const auto& one = deliveries[0];
    EXPECT_EQ(one.consumer_tag, "tag");
    EXPECT_EQ(one.delivery_tag, 7U);
    EXPECT_TRUE(one.redelivered);
    EXPECT_EQ(one.exchange, "events");
    EXPECT_EQ(one.routing_key, "key");
    EXPECT_EQ(one.properties, properties);
    EXPECT_EQ(one.body, "hello");
  }
}

TEST_F(Core, DeliveriesArriveByteByByteAndCoalesced) {
  consuming();
  for (const char byte : delivery("slow")) ASSERT_TRUE(broker.feed({&byte, 1}));
  ASSERT_TRUE(broker.feed(delivery("one") + testing::heartbeat() + delivery("") + delivery("three")));
  ASSERT_EQ(deliveries.size(), 4U);
  EXPECT_EQ(deliveries[0].body, "slow");
  EXPECT_EQ(deliveries[2].body, "");
  EXPECT_EQ(deliveries[3].body, "three");
}

TEST_F(Core, BodiesOverSeveralFramesAreJoined) {
  consuming();
  const std::string body(900, 'x');
  ASSERT_TRUE(broker.feed(content(1, method::BasicDeliver{"tag", 1, false, "", ""}, {}, body, 108)));
  ASSERT_EQ(deliveries.size(), 1U);
  EXPECT_EQ(deliveries[0].body, body);
}

TEST_F(Core, OversizedBodyIsDiscardedAndTheConnectionLives) {
  consuming();
  ASSERT_TRUE(broker.feed(delivery(std::string(5000, 'x'), {.message_id = "big"}) + delivery("next")));
  ASSERT_EQ(deliveries.size(), 2U);
  EXPECT_TRUE(deliveries[0].oversized);
  EXPECT_EQ(deliveries[0].body_size, 5000U);
  EXPECT_TRUE(deliveries[0].body.empty());
  EXPECT_EQ(deliveries[0].properties.message_id, "big");
  EXPECT_FALSE(deliveries[1].oversized);
  EXPECT_EQ(deliveries[1].body, "next");
}

TEST_F(Core, PublishedMessageIsReadBackByTheOtherSide) {
  broker.handshake({2047, 4096, 60});
  const auto channel = broker.open_channel();
  const std::string body(10'000, 'b');
  const Properties properties{.delivery_mode = std::uint8_t{2}, .type = "payment.failed"};
  EXPECT_EQ(*core.publish(channel, {.exchange = "e", .routing_key = "k", .properties = properties, .body = body}), 0U);
  const auto bytes = core.take_output();
  ByteView rest = as_bytes(bytes);
  std::string joined;
  int frames = 0;
  while (!rest.empty()) {
    const auto next = next_frame(rest, 4096);
    ASSERT_TRUE(next && next->has_value());
    ++frames;
    if ((*next)->type == FrameType::body) joined += as_text((*next)->payload);
    if ((*next)->type == FrameType::header) {
      const auto header = decode_content_header((*next)->payload);
      EXPECT_EQ(header->body_size, body.size());
      EXPECT_EQ(*header->properties, properties);
    }
  }
  EXPECT_EQ(frames, 5);
  EXPECT_EQ(joined, body);
}

TEST_F(Core, ConfirmsCountFromOneInEachChannel) {
  broker.handshake();
  for (const ChannelId channel : {broker.open_channel(), broker.open_channel()}) {
    ASSERT_TRUE(core.confirm_select(channel, nullptr));
    ASSERT_TRUE(broker.reply(channel, method::ConfirmSelectOk{}));
    const Properties none;
    for (std::uint64_t sequence = 1; sequence <= 5; ++sequence) {
      EXPECT_EQ(*core.publish(channel, {.routing_key = "q", .properties = none}), sequence);
    }
    confirms.clear();
    ASSERT_TRUE(broker.reply(channel, method::BasicAck{3, true}));
    ASSERT_TRUE(broker.reply(channel, method::BasicNack{5, false, false}));
    ASSERT_TRUE(broker.reply(channel, method::BasicAck{4, false}));
    EXPECT_EQ(confirms, (std::vector<Confirm>{{3, true, true}, {5, false, false}, {4, false, true}}));
  }
  expect_protocol_error(frame(1, method::BasicAck{6, false}));
}

TEST_F(Core, ReturnComesBeforeItsConfirm) {
  broker.handshake();
  const auto channel = broker.open_channel();
  ASSERT_TRUE(core.confirm_select(channel, nullptr));
  ASSERT_TRUE(broker.reply(channel, method::ConfirmSelectOk{}));
  const Properties properties{.message_id = "lost"};
  ASSERT_TRUE(core.publish(channel, {.exchange = "e", .routing_key = "k", .properties = properties, .body = "b"}));
  ASSERT_TRUE(broker.feed(content(channel, method::BasicReturn{312, "NO_ROUTE", "e", "k"}, properties, "b") +
                          frame(channel, method::BasicAck{1, false})));
  EXPECT_EQ(log, "ra");
  EXPECT_EQ(returns.at(0).reply_code, 312);
  EXPECT_EQ(returns.at(0).properties.message_id, "lost");
  EXPECT_EQ(returns.at(0).body, "b");
}

TEST_F(Core, RepliesComeInTheOrderOfTheirRequests) {
  broker.handshake();
  std::string order;
  const auto channel = core.open_channel([&](Result<ChannelId> id) { order += id ? "o" : "x"; });
  ASSERT_TRUE(channel);
  ASSERT_TRUE(core.qos(*channel, 100, [&](Result<void>) { order += "q"; }));
  ASSERT_TRUE(core.queue_declare(*channel, {.queue = "a"}, [&](Result<QueueInfo> info) { order += info->name; }));
  ASSERT_TRUE(core.queue_declare(*channel, {.queue = "b"}, [&](Result<QueueInfo> info) { order += info->name; }));
  ASSERT_TRUE(broker.feed(frame(1, method::ChannelOpenOk{}) + frame(1, method::BasicQosOk{}) +
                          frame(1, method::QueueDeclareOk{"a", 1, 2}) + frame(1, method::QueueDeclareOk{"b", 0, 0})));
  EXPECT_EQ(order, "oqab");
  expect_protocol_error(frame(1, method::BasicQosOk{}));
}

// RabbitMQ answers these two from the queue's process, the others from the channel's.
TEST_F(Core, ConsumeAndCancelMayBeOvertaken) {
  consuming();
  std::string order;
  ASSERT_TRUE(core.cancel(1, "tag", [&](Result<void>) { order += "cancel "; }));
  ASSERT_TRUE(core.consume(1, "b", "b", {}, [&](Result<std::string> tag) { order += *tag + " "; }));
  ASSERT_TRUE(core.consume(1, "c", "c", {}, [&](Result<std::string> tag) { order += *tag + " "; }));
  ASSERT_TRUE(core.queue_delete(1, {.queue = "q"}, [&](Result<std::uint32_t>) { order += "delete "; }));
  ASSERT_TRUE(broker.feed(frame(1, method::QueueDeleteOk{0}) + frame(1, method::BasicConsumeOk{"c"}) +
                          frame(1, method::BasicCancelOk{"tag"}) + frame(1, method::BasicConsumeOk{"b"})));
  EXPECT_EQ(order, "delete c cancel b ");
  expect_protocol_error(frame(1, method::BasicCancelOk{"tag"}));
}

TEST_F(Core, ChannelClosedByTheBrokerFailsItsCallsOnly) {
  consuming();
  const auto other = broker.open_channel();
  std::optional<Error> error;
  ASSERT_TRUE(
      core.queue_declare(1, {.queue = "q", .passive = true}, [&](Result<QueueInfo> info) { error = info.error(); }));
  broker.sent();
  ASSERT_TRUE(broker.reply(1, method::ChannelClose{404, "NOT_FOUND - no queue 'q'"}));
  broker.expect<method::ChannelCloseOk>();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::not_found);
  EXPECT_EQ(channels_closed, (std::vector<std::pair<ChannelId, int>>{{1, 404}}));
  EXPECT_FALSE(core.ack(1, 1, false));
  EXPECT_TRUE(core.qos(other, 1, nullptr));
  EXPECT_EQ(*core.open_channel(nullptr), 1);  // the number is free again
}

TEST_F(Core, ClosingAChannelIgnoresWhatWasUnderWay) {
  consuming();
  bool done = false;
  ASSERT_TRUE(core.close_channel(1, [&](Result<void> outcome) { done = outcome.has_value(); }));
  ASSERT_TRUE(broker.feed(delivery("late")));
  EXPECT_FALSE(core.ack(1, 1, false));
  ASSERT_TRUE(broker.reply(1, method::ChannelClose{406, "crossed"}));
  EXPECT_FALSE(done);
  ASSERT_TRUE(broker.reply(1, method::ChannelCloseOk{}));
  EXPECT_TRUE(done);
  EXPECT_TRUE(deliveries.empty());
  EXPECT_TRUE(channels_closed.empty());
}

TEST_F(Core, CancelledConsumersAreSilent) {
  consuming();
  broker.consume(1, "other");
  ASSERT_TRUE(core.cancel(1, "tag", nullptr));
  ASSERT_TRUE(broker.feed(delivery("late") + frame(1, method::BasicCancelOk{"tag"})));
  EXPECT_TRUE(deliveries.empty());
  ASSERT_TRUE(broker.reply(1, method::BasicCancel{"other"}));
  ASSERT_TRUE(broker.feed(delivery("later", {}, "other")));
  EXPECT_TRUE(deliveries.empty());
  EXPECT_EQ(cancelled, std::vector<std::string>{"other"});
}

TEST_F(Core, BlockedIsReported) {
  broker.handshake();
  ASSERT_TRUE(broker.reply(0, method::ConnectionBlocked{"low on disk"}));
  ASSERT_TRUE(broker.reply(0, method::ConnectionUnblocked{}));
  EXPECT_EQ(blocked, (std::vector<std::pair<bool, std::string>>{{true, "low on disk"}, {false, ""}}));
}

TEST_F(Core, CloseIsPoliteAndHasATimeout) {
  consuming();
  core.close();
  broker.expect<method::ConnectionClose>();
  ASSERT_TRUE(broker.feed(delivery("late")));
  EXPECT_TRUE(closed.empty());
  ASSERT_TRUE(broker.reply(0, method::ConnectionCloseOk{}));
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_EQ(closed[0].kind, CloseKind::requested);
  EXPECT_TRUE(deliveries.empty());

  int ended = 0;
  ConnectionCore deaf({}, {.on_closed = [&](const CloseReason& reason) {
                        EXPECT_EQ(reason.kind, CloseKind::requested);
                        ++ended;
                      }});
  FakeBroker(deaf).handshake();
  deaf.close();
  deaf.tick(milliseconds{0});
  deaf.tick(milliseconds{4999});
  EXPECT_EQ(ended, 0);
  deaf.tick(milliseconds{5000});
  EXPECT_EQ(ended, 1);
}

TEST_F(Core, EndOfTheConnectionFailsEveryCallBeforeOnClosed) {
  consuming();
  std::size_t closed_at_call = 99;
  ASSERT_TRUE(core.qos(1, 1, [&](Result<void> outcome) {
    EXPECT_EQ(outcome.error().code, Errc::unavailable);
    closed_at_call = closed.size();
  }));
  core.transport_closed({CloseKind::network, 0, "reset"});
  core.transport_closed({CloseKind::network, 0, "again"});
  EXPECT_EQ(closed_at_call, 0U);
  EXPECT_EQ(closed.size(), 1U);
}

TEST_F(Core, NothingIsCalledAfterAbandon) {
  consuming();
  ASSERT_TRUE(core.qos(1, 1, [](Result<void>) { FAIL(); }));
  core.abandon();
  EXPECT_TRUE(broker.feed(delivery("late")));
  core.transport_closed({});
  EXPECT_TRUE(deliveries.empty());
  EXPECT_TRUE(closed.empty());
}

TEST_F(Core, HeartbeatsAreSentAtHalfTimeAndMissedAfterTwo) {
  broker.handshake({2047, frame_size_max, 20});  // lower than ours: it rules
  core.tick(milliseconds{0});
  broker.sent();
  core.tick(milliseconds{9999});
  broker.sent();
  EXPECT_EQ(broker.heartbeats, 0);
  core.tick(milliseconds{10'000});
  broker.sent();
  EXPECT_EQ(broker.heartbeats, 1);
  ASSERT_TRUE(broker.feed(testing::heartbeat()));
  core.tick(milliseconds{20'000});
  core.tick(milliseconds{60'000});
  EXPECT_TRUE(closed.empty());
  core.tick(milliseconds{70'000}, true);  // deaf on purpose
  core.tick(milliseconds{110'000});
  EXPECT_TRUE(closed.empty());
  core.tick(milliseconds{110'001});
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_EQ(closed[0].kind, CloseKind::heartbeat_timeout);
}

TEST_F(Core, HandshakeHasATimeout) {
  core.tick(milliseconds{500});
  core.tick(milliseconds{10'499});
  EXPECT_TRUE(closed.empty());
  core.tick(milliseconds{10'500});
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_EQ(closed[0].kind, CloseKind::heartbeat_timeout);
}

TEST_F(Core, WrongCallsFailAtOnce) {
  EXPECT_FALSE(core.open_channel(nullptr));
  broker.handshake({2, frame_size_max, 60});
  EXPECT_FALSE(core.qos(1, 1, nullptr));
  EXPECT_EQ(broker.open_channel(), 1);
  EXPECT_EQ(broker.open_channel(), 2);
  EXPECT_EQ(core.open_channel(nullptr).error().code, Errc::exhausted);
  const Properties none;
  EXPECT_FALSE(core.publish(1, {.routing_key = std::string(256, 'k'), .properties = none}));
  EXPECT_FALSE(core.queue_declare(1, {.queue = std::string(256, 'q')}, [](Result<QueueInfo>) { FAIL(); }));
  EXPECT_FALSE(core.has_output());
}

struct CloseRow {
  bool ready;
  std::uint16_t code;
  const char* text;
  CloseKind kind;
};

TEST(CloseReasons, FollowTheBrokersCodesAndTexts) {
  const CloseRow rows[] = {
      {true, 320, "CONNECTION_FORCED - vhost 'tenant-1' is deleted", CloseKind::vhost_deleted},
      {true, 320, "CONNECTION_FORCED - vhost 'tenant-1' is down", CloseKind::vhost_down},
      {true, 320, "CONNECTION_FORCED - user 'worker' is deleted", CloseKind::user_deleted},
      {true, 320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
       CloseKind::broker_shutdown},
      {false, 530, "NOT_ALLOWED - vhost tenant-1 not found", CloseKind::vhost_not_found},
      {false, 530, "NOT_ALLOWED - access to vhost 'tenant-1' refused for user 'worker'", CloseKind::access_refused},
      {false, 530,
       "NOT_ALLOWED - access to vhost 'tenant-1' refused for user 'worker': connection limit (1) is reached",
       CloseKind::limit_reached},
      {false, 541, "INTERNAL_ERROR - access to vhost 'tenant-1' refused for user 'w': vhost 'tenant-1' is down",
       CloseKind::vhost_down},
      {false, 403, "ACCESS_REFUSED - Login was refused", CloseKind::bad_credentials},
      {true, 403, "ACCESS_REFUSED", CloseKind::access_refused},
      {true, 504, "CHANNEL_ERROR - second 'channel.open' seen", CloseKind::protocol_error},
  };
  for (const auto& row : rows) {
    int ended = 0;
    ConnectionCore core({}, {.on_closed = [&](const CloseReason& reason) {
                          ++ended;
                          EXPECT_EQ(reason.kind, row.kind) << row.text << ": " << to_string(reason.kind);
                          EXPECT_EQ(reason.code, row.code);
                        }});
    FakeBroker broker(core);
    if (row.ready) {
      broker.handshake();
    } else {
      ASSERT_TRUE(broker.reply(0, method::ConnectionStart{.mechanisms = "PLAIN"}));
    }
    broker.sent();
    ASSERT_TRUE(broker.reply(0, method::ConnectionClose{row.code, row.text}));
    broker.expect<method::ConnectionCloseOk>();
    EXPECT_EQ(ended, 1);
  }
}

// facts/security.md R12 asks for each of these.
std::string nested_headers(int depth) {
  std::string inner(4, '\0');
  const auto length = [](std::size_t size) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(size >> shift));
    return out;
  };
  for (int i = 1; i < depth; ++i) inner = length(inner.size() + 3) + std::string("\1aF", 3) + inner;
  return inner;
}

std::string header_payload(std::uint64_t body_size, std::uint16_t flags, std::string_view properties) {
  std::string payload("\0\x3C\0\0", 4);
  for (int shift = 56; shift >= 0; shift -= 8) payload.push_back(static_cast<char>(body_size >> shift));
  payload.push_back(static_cast<char>(flags >> 8));
  payload.push_back(static_cast<char>(flags));
  return payload += properties;
}

TEST_F(Core, HostileHandshakesAreErrors) {
  const std::string server_table = nested_headers(10'000);
  const std::pair<const char*, std::string> rows[] = {
      {"short frame", std::string("\1\0\0\0\0\0\0\xCE", 8)},
      {"frame larger than allowed", std::string("\1\0\0\x7F\xFF\xFF\xFF", 7)},
      {"frame_max 4095",
       frame(0, method::ConnectionStart{.mechanisms = "PLAIN"}) + frame(0, method::ConnectionTune{0, 4095, 0})},
      {"tune before start", frame(0, method::ConnectionTune{0, 0, 0})},
      {"no PLAIN", frame(0, method::ConnectionStart{.mechanisms = "EXTERNAL"})},
      {"channel not open", frame(65535, method::ConnectionStart{.mechanisms = "PLAIN"})},
      {"deep server properties",
       raw_frame(1, 0, std::string("\0\x0A\0\x0A\0\x09", 6) + server_table.substr(0, 120'000))},
      {"another version", std::string("AMQP\0\0\x09\0", 8)},
  };
  for (const auto& [name, bytes] : rows) {
    int ended = 0;
    ConnectionCore victim({}, {.on_closed = [&](const CloseReason& reason) {
                            ++ended;
                            EXPECT_EQ(reason.kind, CloseKind::protocol_error);
                          }});
    EXPECT_FALSE(victim.feed(as_bytes(bytes))) << name;
    EXPECT_EQ(ended, 1) << name;
  }
}

TEST_F(Core, SevenBytesOfAFrameOnlyWait) {
  consuming();
  EXPECT_TRUE(broker.feed(std::string("\1\0\1\0\0\0\4", 7)));
  EXPECT_TRUE(closed.empty());
}

TEST_F(Core, HostileFramesAreErrors) {
  const auto deliver = frame(1, method::BasicDeliver{"tag", 1, false, "", ""});
  const std::pair<const char*, std::string> rows[] = {
      {"unknown channel", frame(65535, method::BasicQosOk{})},
      {"unknown frame type", raw_frame(4, 1, "x")},
      {"unknown method", raw_frame(1, 1, std::string("\0\x63\0\x63", 4))},
      {"method too short", raw_frame(1, 1, "abc")},
      {"header too short", deliver + raw_frame(2, 1, std::string("\0\x3C\0\0\0", 5))},
      {"header without a method", raw_frame(2, 1, header_payload(1, 0, ""))},
      {"body without a header", deliver + raw_frame(3, 1, "x")},
      {"body size 2^62", deliver + raw_frame(2, 1, header_payload(1ULL << 62, 0, ""))},
      {"body longer than declared", deliver + raw_frame(2, 1, header_payload(1, 0, "")) + raw_frame(3, 1, "xx")},
      {"empty body frame", deliver + raw_frame(2, 1, header_payload(1, 0, "")) + raw_frame(3, 1, "")},
      {"content of another class", deliver + raw_frame(2, 1, std::string(14, '\0'))},
      {"method inside a content", deliver + deliver},
      {"tag with NUL", frame(1, method::BasicDeliver{std::string("t\0g", 3), 1, false, "", ""})},
      {"cancel of a tag with NUL", frame(1, method::BasicCancel{std::string("t\0g", 3)})},
      {"content on channel 0", raw_frame(3, 0, "x")},
      {"heartbeat on a channel", raw_frame(8, 1, "")},
      {"confirm nobody asked for", frame(1, method::BasicAck{1, false})},
      {"second open-ok", frame(0, method::ConnectionOpenOk{})},
      {"a client's method", frame(1, method::BasicPublish{"e", "k", false})},
  };
  for (const auto& [name, bytes] : rows) {
    int ended = 0;
    ConnectionCore victim({}, {.on_closed = [&](const CloseReason&) { ++ended; }});
    FakeBroker attacker(victim);
    attacker.handshake();
    attacker.open_channel();
    attacker.consume(1, "tag");
    EXPECT_FALSE(attacker.feed(bytes)) << name;
    EXPECT_EQ(ended, 1) << name;
  }
}

TEST_F(Core, ServerNamedTagWithNulIsAnError) {
  broker.handshake();
  broker.open_channel();
  ASSERT_TRUE(core.consume(1, "queue", "", {}, [](Result<std::string> tag) { EXPECT_FALSE(tag); }));
  expect_protocol_error(frame(1, method::BasicConsumeOk{std::string("amq\0", 4)}));
}

TEST_F(Core, FloodOfUnknownFramesEndsAtTheFirst) {
  broker.handshake();
  std::string flood;
  for (int i = 0; i < 10'000; ++i) flood += raw_frame(9, 1, "xxxxxxxx");
  expect_protocol_error(flood);
  EXPECT_TRUE(broker.feed(flood));  // dead: nothing is read any more
  EXPECT_FALSE(core.has_output());
}

// Any publisher can cause these, so they must reach the dead letters and not end the connection.
TEST_F(Core, DeliveryWithHostilePropertiesIsMarked) {
  consuming();
  const auto deliver = frame(1, method::BasicDeliver{"tag", 1, false, "events", "key"});
  const std::uint16_t headers_flag = 1 << 13;
  ASSERT_TRUE(broker.feed(deliver + raw_frame(2, 1, header_payload(2, headers_flag, nested_headers(10'000))) +
                          raw_frame(3, 1, "ok")));
  ASSERT_TRUE(broker.feed(deliver + raw_frame(2, 1, header_payload(0, 1, ""))));
  ASSERT_TRUE(broker.feed(deliver + raw_frame(2, 1, header_payload(0, headers_flag, "\x7F\x7F"))));
  ASSERT_EQ(deliveries.size(), 3U);
  for (const auto& one : deliveries) {
    EXPECT_TRUE(one.properties_refused);
    EXPECT_EQ(one.properties, Properties{});
    EXPECT_EQ(one.routing_key, "key");
  }
  EXPECT_EQ(deliveries[0].body, "ok");
  EXPECT_TRUE(closed.empty());
}

}  // namespace
}  // namespace tenantry::amqp::connection_core_test
