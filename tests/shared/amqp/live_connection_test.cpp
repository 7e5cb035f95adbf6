// Goal: the connection against a real RabbitMQ.
// Method: TENANTRY_TEST_AMQP_URL names an administrator on vhost "/". Each test runs its
// connections on a loop of its own until what it awaits has come, or fails after a minute.
// The test that makes and deletes a vhost also needs TENANTRY_TEST_MANAGEMENT_URL, the
// management API with the administrator's login, e.g. http://guest:guest@localhost:15672,
// and reaches it by curl.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/amqp/connection.h"

namespace tenantry::amqp::live_connection_test {
namespace {

using std::chrono::milliseconds;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

class LiveConnection : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto url = variable("TENANTRY_TEST_AMQP_URL");
    if (url.empty()) FAIL() << "TENANTRY_TEST_AMQP_URL is missing: the AMQP URL of an administrator on vhost /";
    auto parsed = parse_url(url);
    if (!parsed) FAIL() << "TENANTRY_TEST_AMQP_URL: " << parsed.error().describe();
    parameters = *parsed;
    parameters.name = "live_connection_test";
    timeout.start(std::chrono::minutes{1}, [this] {
      ADD_FAILURE() << "nothing happened for a minute";
      loop.stop();
    });
  }

  std::string unique(const std::string& name) { return "test." + std::to_string(getpid()) + "." + name; }

  // Connects with a channel, then `then`; ends when the connection is closed.
  void run(ConnectionParameters with, Handlers handlers, std::function<void(ChannelId)> then) {
    handlers.on_ready = [this, then] {
      const auto id = connection->open_channel([then](Result<ChannelId> opened) {
        ASSERT_TRUE(opened) << opened.error().describe();
        then(*opened);
      });
      ASSERT_TRUE(id) << id.error().describe();
    };
    handlers.on_closed = [this](const CloseReason& reason) {
      closed = reason;
      connection.reset();  // from inside its own handler
      loop.stop();
    };
    connection.emplace(loop, std::move(with), std::move(handlers));
    loop.run();
  }

  loop::Loop loop;
  loop::Timer timeout{loop};
  ConnectionParameters parameters;
  std::optional<Connection> connection;
  std::optional<CloseReason> closed;
};

TEST_F(LiveConnection, TenThousandPersistentMessagesAreConfirmedConsumedAndAcknowledged) {
  constexpr std::uint64_t count = 10'000;
  const auto queue = unique("bulk");
  std::uint64_t confirmed = 0;
  std::uint64_t consumed = 0;
  std::uint64_t nacked = 0;
  ChannelId channel = 0;
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start).count();
  };

  Handlers handlers{
      .on_delivery =
          [&](Delivery&& delivery) {
            EXPECT_EQ(delivery.body, std::to_string(consumed));
            EXPECT_EQ(delivery.properties.type, "test.happened");
            if (++consumed % 100 == 0) {
              ASSERT_TRUE(connection->ack(channel, delivery.delivery_tag, true));
            }
            if (consumed < count) return;
            RecordProperty("consumed_after_ms", std::to_string(elapsed()));
            ASSERT_TRUE(connection->cancel(channel, "tag", nullptr));
            ASSERT_TRUE(connection->queue_delete(channel, {.queue = queue, .if_empty = true}, [&](auto deleted) {
              EXPECT_TRUE(deleted) << deleted.error().describe();
              connection->close();
            }));
          },
      .on_confirm =
          [&](ChannelId, std::uint64_t sequence, bool multiple, bool ack) {
            nacked += ack ? 0 : 1;
            confirmed = multiple ? std::max(confirmed, sequence) : confirmed + 1;
            if (sequence != count) return;
            RecordProperty("confirmed_after_ms", std::to_string(elapsed()));
            ASSERT_TRUE(connection->qos(channel, 300, nullptr));
            ASSERT_TRUE(connection->consume(channel, queue, "tag", {}, nullptr));
          }};
  run(parameters, std::move(handlers), [&](ChannelId opened) {
    channel = opened;
    ASSERT_TRUE(connection->confirm_select(channel, nullptr));
    ASSERT_TRUE(connection->queue_declare(channel, {.queue = queue, .durable = true}, [&](Result<QueueInfo> info) {
      ASSERT_TRUE(info) << info.error().describe();
      const Properties properties{.delivery_mode = std::uint8_t{2}, .type = "test.happened"};
      for (std::uint64_t i = 0; i < count; ++i) {
        const auto sequence =
            connection->publish(channel, {.routing_key = queue, .properties = properties, .body = std::to_string(i)});
        ASSERT_TRUE(sequence);
        ASSERT_EQ(*sequence, i + 1);
      }
    }));
  });
  EXPECT_EQ(consumed, count);
  EXPECT_EQ(nacked, 0U);
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->kind, CloseKind::requested) << closed->text;
}

TEST_F(LiveConnection, UnroutableMandatoryMessageIsReturnedBeforeItsConfirm) {
  std::string order;
  Handlers handlers{.on_confirm =
                        [&](ChannelId, std::uint64_t sequence, bool, bool ack) {
                          EXPECT_EQ(sequence, 1U);
                          order += ack ? "confirmed" : "refused";
                          connection->close();
                        },
                    .on_return =
                        [&](Returned&& returned) {
                          EXPECT_EQ(returned.reply_code, 312);
                          EXPECT_EQ(returned.properties.message_id, "m-1");
                          EXPECT_EQ(returned.body, "lost");
                          order += "returned ";
                        }};
  run(parameters, std::move(handlers), [&](ChannelId channel) {
    ASSERT_TRUE(connection->confirm_select(channel, nullptr));
    const Properties properties{.message_id = "m-1"};
    ASSERT_TRUE(
        connection->publish(channel, {.routing_key = unique("nowhere"), .properties = properties, .body = "lost"}));
  });
  EXPECT_EQ(order, "returned confirmed");
}

TEST_F(LiveConnection, EveryValueKindAndPropertySurvivesTheBroker) {
  const Properties properties{.content_type = "application/json",
                              .content_encoding = "gzip",
                              .headers = {{"null", Value()},
                                          {"bool", true},
                                          {"integer", std::int64_t{-9'000'000'000}},
                                          {"double", 0.25},
                                          {"string", "text"},
                                          {"time", std::chrono::sys_seconds{std::chrono::seconds{1'700'000'000}}},
                                          {"table", Table{{"inner", Table{{"innermost", 1}}}}},
                                          {"array", Array{Value("a"), Value(2), Value(Table{{"k", "v"}})}}},
                              .delivery_mode = std::uint8_t{1},
                              .priority = std::uint8_t{3},
                              .correlation_id = "c",
                              .reply_to = "r",
                              .expiration = "60000",
                              .message_id = "m",
                              .timestamp = 1'700'000'000,
                              .type = "t",
                              .user_id = parameters.user,
                              .app_id = "a"};
  const Table arguments{{"x-max-length", std::int64_t{10}}, {"x-overflow", "reject-publish"}};
  const auto exchange = unique("exchange");
  int delivered = 0;
  Handlers handlers{.on_delivery = [&](Delivery&& delivery) {
    ++delivered;
    EXPECT_EQ(delivery.properties, properties);
    EXPECT_EQ(delivery.exchange, exchange);
    EXPECT_EQ(delivery.routing_key, "some.key");
    EXPECT_FALSE(delivery.consumer_tag.empty());
    connection->close();
  }};
  std::string queue;
  run(parameters, std::move(handlers), [&](ChannelId channel) {
    ASSERT_TRUE(
        connection->exchange_declare(channel, {.exchange = exchange, .type = "topic", .auto_delete = true}, nullptr));
    ASSERT_TRUE(connection->queue_declare(
        channel, {.exclusive = true, .arguments = arguments}, [&, channel](Result<QueueInfo> info) {
          ASSERT_TRUE(info) << info.error().describe();
          queue = info->name;
          ASSERT_TRUE(connection->queue_bind(
              channel, {.queue = queue, .exchange = exchange, .routing_key = "some.*", .arguments = {{"a", 1}}},
              nullptr));
          ASSERT_TRUE(connection->consume(channel, queue, "", {.no_ack = true}, [&, channel](Result<std::string> tag) {
            ASSERT_TRUE(tag) << tag.error().describe();
            ASSERT_TRUE(connection->publish(
                channel, {.exchange = exchange, .routing_key = "some.key", .properties = properties, .body = "b"}));
          }));
        }));
  });
  EXPECT_EQ(delivered, 1);
}

TEST_F(LiveConnection, OversizedMessageIsMarkedAndTheNextOneArrives) {
  parameters.body_size_max = 100'000;
  const auto queue = unique("large");
  std::vector<Delivery> deliveries;
  Handlers handlers{.on_delivery = [&](Delivery&& delivery) {
    deliveries.push_back(std::move(delivery));
    if (deliveries.size() == 2) connection->close();
  }};
  run(parameters, std::move(handlers), [&](ChannelId channel) {
    ASSERT_TRUE(connection->queue_declare(channel, {.queue = queue, .exclusive = true}, nullptr));
    ASSERT_TRUE(connection->consume(channel, queue, "tag", {.no_ack = true}, nullptr));
    const Properties none;
    const std::string large(1'000'000, 'x');
    ASSERT_TRUE(connection->publish(channel, {.routing_key = queue, .properties = none, .body = large}));
    ASSERT_TRUE(connection->publish(
        channel, {.routing_key = queue, .properties = none, .body = std::string_view(large).substr(0, 100'000)}));
  });
  ASSERT_EQ(deliveries.size(), 2U);
  EXPECT_TRUE(deliveries[0].oversized);
  EXPECT_EQ(deliveries[0].body_size, 1'000'000U);
  EXPECT_EQ(deliveries[1].body.size(), 100'000U);
}

TEST_F(LiveConnection, ChannelErrorsReachTheCallAndTheHandler) {
  int code = 0;
  std::optional<Error> error;
  Handlers handlers{.on_channel_closed = [&](ChannelId, int why, const std::string&) {
    code = why;
    connection->close();
  }};
  run(parameters, std::move(handlers), [&](ChannelId channel) {
    ASSERT_TRUE(connection->queue_declare(channel, {.queue = unique("missing"), .passive = true},
                                          [&](Result<QueueInfo> info) { error = info.error(); }));
  });
  EXPECT_EQ(code, 404);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::not_found);
}

TEST_F(LiveConnection, WrongPasswordIsBadCredentials) {
  parameters.password = "wrong";
  run(parameters, {}, [](ChannelId) { FAIL(); });
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->kind, CloseKind::bad_credentials) << closed->text;
}

TEST_F(LiveConnection, MissingVhostIsNotFound) {
  parameters.vhost = unique("missing");
  run(parameters, {}, [](ChannelId) { FAIL(); });
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->kind, CloseKind::vhost_not_found) << closed->text;
}

TEST_F(LiveConnection, DeletedVhostEndsItsConsumersConnection) {
  const auto api = variable("TENANTRY_TEST_MANAGEMENT_URL");
  ASSERT_FALSE(api.empty()) << "TENANTRY_TEST_MANAGEMENT_URL is missing: the management API with its login";
  const auto vhost = unique("vhost");
  const auto call = [&](const std::string& rest) {
    return std::system(("curl -sS -f -o /dev/null -H content-type:application/json " + rest).c_str());
  };
  ASSERT_EQ(call("-X PUT '" + api + "/api/vhosts/" + vhost + "'"), 0);
  const std::string everything = R"({"configure":".*","write":".*","read":".*"})";
  ASSERT_EQ(call("-X PUT -d '" + everything + "' '" + api + "/api/permissions/" + vhost + "/" + parameters.user + "'"),
            0);

  parameters.vhost = vhost;
  run(parameters, {}, [&](ChannelId channel) {
    ASSERT_TRUE(connection->queue_declare(channel, {.queue = "q"}, nullptr));
    ASSERT_TRUE(connection->consume(channel, "q", "tag", {}, [&](Result<std::string> tag) {
      ASSERT_TRUE(tag) << tag.error().describe();
      // In the background: the broker waits for our close-ok.
      EXPECT_EQ(call("-X DELETE '" + api + "/api/vhosts/" + vhost + "' &"), 0);
    }));
  });
  ASSERT_TRUE(closed);
  // Whichever of the vhost's own supervisor and the connection tracker comes first.
  EXPECT_TRUE(closed->kind == CloseKind::vhost_deleted || closed->kind == CloseKind::vhost_down) << closed->text;
}

TEST_F(LiveConnection, NobodyListeningIsNetwork) {
  parameters.port = 1;
  run(parameters, {}, [](ChannelId) { FAIL(); });
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->kind, CloseKind::network) << closed->text;
}

TEST_F(LiveConnection, UnknownHostIsNetwork) {
  parameters.host = "no-such-host.invalid";
  run(parameters, {}, [](ChannelId) { FAIL(); });
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->kind, CloseKind::network) << closed->text;
}

TEST_F(LiveConnection, ManyConnectionsShareALoopAndAreDestroyedAtAnyStage) {
  std::vector<std::unique_ptr<Connection>> connections;
  int ready = 0;
  for (int i = 0; i < 50; ++i) {
    connections.push_back(std::make_unique<Connection>(loop, parameters, Handlers{.on_ready = [&] {
                                                         // Some are gone while others still connect.
                                                         if (++ready < 25) return;
                                                         connections.clear();
                                                         loop.stop();
                                                       }}));
  }
  loop.run();
  EXPECT_EQ(ready, 25);
}

}  // namespace
}  // namespace tenantry::amqp::live_connection_test
