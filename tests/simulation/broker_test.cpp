#include "tests/simulation/broker.h"

#include <gtest/gtest.h>

namespace tenantry::sim {
namespace {

constexpr const char* definitions = R"({
  "exchanges": [{"name": "e", "type": "topic"}, {"name": "f", "type": "fanout"}],
  "queues": [{"name": "q"}, {"name": "all"}],
  "bindings": [{"source": "e", "destination": "q", "routing_key": "a.*"},
               {"source": "e", "destination": "all", "routing_key": "#"},
               {"source": "e", "destination": "all", "routing_key": "a.b"}]})";

class BrokerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    broker.add_vhost("v");
    broker.import_definitions("v", definitions);
  }
  Routed publish(const std::string& key, const std::string& exchange = "e") {
    const amqp::Properties none;
    return broker.publish("v", {.exchange = exchange, .routing_key = key, .properties = none, .body = key});
  }
  std::string next(ConsumerId consumer) {
    const auto delivery = broker.deliver(consumer);
    return delivery ? delivery->body + (delivery->redelivered ? " again" : "") : "";
  }
  Broker broker;
};

TEST_F(BrokerTest, TopicPatterns) {
  EXPECT_TRUE(topic_matches("a.b", "a.b"));
  EXPECT_FALSE(topic_matches("a.b", "a.b.c"));
  EXPECT_TRUE(topic_matches("a.*", "a.b"));
  EXPECT_FALSE(topic_matches("a.*", "a"));
  EXPECT_TRUE(topic_matches("a.#", "a"));
  EXPECT_TRUE(topic_matches("a.#", "a.b.c"));
  EXPECT_TRUE(topic_matches("#.c", "a.b.c"));
  EXPECT_FALSE(topic_matches("#.c", "a.b"));
  EXPECT_TRUE(topic_matches("#", ""));
}

TEST_F(BrokerTest, MessageGoesOnceToEachMatchingQueue) {
  EXPECT_EQ(publish("a.b"), Routed::queued);
  EXPECT_EQ(broker.depth("v", "q"), 1U);
  EXPECT_EQ(broker.depth("v", "all"), 1U);
}

TEST_F(BrokerTest, UnroutableMandatoryIsReturnedAndAMissingVhostSaysSo) {
  EXPECT_EQ(publish("x", "f"), Routed::returned);
  EXPECT_EQ(publish("nowhere", ""), Routed::returned);
  EXPECT_EQ(publish("q", ""), Routed::queued);
  const amqp::Properties none;
  EXPECT_EQ(broker.publish("w", {.exchange = "e", .routing_key = "a", .properties = none}), Routed::no_vhost);
}

TEST_F(BrokerTest, PrefetchBoundsWhatIsUnacknowledged) {
  for (const char* key : {"1", "2", "3"}) publish(key);
  const auto consumer = broker.consume("v", "all", 2);
  EXPECT_EQ(next(consumer), "1");
  EXPECT_EQ(next(consumer), "2");
  EXPECT_FALSE(broker.can_deliver(consumer));
  broker.ack(consumer, 1);
  EXPECT_EQ(next(consumer), "3");
}

TEST_F(BrokerTest, DroppedConsumersMessagesComeAgainInTheirPlace) {
  for (const char* key : {"1", "2", "3"}) publish(key);
  const auto first = broker.consume("v", "all", 10);
  EXPECT_EQ(next(first), "1");
  EXPECT_EQ(next(first), "2");
  broker.ack(first, 1);
  broker.drop(first);
  broker.ack(first, 2);  // too late
  const auto second = broker.consume("v", "all", 10);
  EXPECT_EQ(next(second), "2 again");
  EXPECT_EQ(next(second), "3");
  EXPECT_EQ(broker.messages(), 2U);
}

TEST_F(BrokerTest, OnlyTheFirstConsumerOfAQueueIsActive) {
  publish("1");
  const auto first = broker.consume("v", "all", 10);
  const auto second = broker.consume("v", "all", 10);
  EXPECT_FALSE(broker.can_deliver(second));
  broker.drop(first);
  EXPECT_EQ(next(second), "1");
}

}  // namespace
}  // namespace tenantry::sim
