// Goal: what an application let expire is its event all the same, and nothing that it
// says of itself makes it the platform's.
#include "shared/messaging/receive.h"

#include <gtest/gtest.h>

namespace tenantry::messaging::receive_test {
namespace {

const events::TrustRules rules{"tenantry-publisher"};

amqp::Delivery published(const std::string& type, const std::string& body) {
  amqp::Delivery delivery;
  delivery.exchange = "acme.app";
  delivery.routing_key = type;
  delivery.properties.content_type = "application/json";
  delivery.properties.user_id = "tenant-acme";
  delivery.properties.headers.add("cloudEvents_specversion", "1.0");
  delivery.properties.headers.add("cloudEvents_id", "e-1");
  delivery.properties.headers.add("cloudEvents_source", "/shop");
  delivery.properties.headers.add("cloudEvents_type", type);
  delivery.body = body;
  return delivery;
}

// As RabbitMQ puts it into the queue beside the one it was in.
amqp::Delivery expired(amqp::Delivery delivery) {
  amqp::Array keys = {amqp::Value{delivery.routing_key}};
  auto& entries = delivery.properties.headers.entries;
  for (auto& entry : entries) {
    if (entry.name != "CC") continue;
    for (auto& key : std::get<amqp::Array>(entry.value.data)) keys.push_back(std::move(key));
  }
  std::erase_if(entries, [](const amqp::Entry& entry) { return entry.name == "CC"; });
  delivery.exchange = "";
  delivery.routing_key = "acme.audit.expired";
  delivery.properties.headers.add(
      "x-death", amqp::Array{amqp::Value{amqp::Table{{"reason", "expired"}, {"routing-keys", std::move(keys)}}}});
  delivery.properties.headers.add("x-first-death-reason", "expired");
  delivery.properties.headers.add("x-first-death-queue", "acme.audit");
  delivery.properties.headers.add("x-first-death-exchange", "acme.app");
  return delivery;
}

Arrival received(amqp::Delivery delivery) {
  return receive(std::move(delivery), "tenant-acme", rules, Token{}, from_unix_seconds(1'800'000'000));
}

TEST(Receive, WhatHasExpiredIsTheSameEventOfTheSameApplication) {
  const auto before = received(published("order.created", "{}"));
  const auto after = received(expired(published("order.created", "{}")));
  ASSERT_FALSE(before.refused) << before.refused->message;
  ASSERT_FALSE(after.refused) << after.refused->message;
  EXPECT_EQ(after.incoming.event.id, before.incoming.event.id);
  EXPECT_EQ(after.incoming.event.actor.kind, "application");
  EXPECT_EQ(after.incoming.first_exchange(), "acme.app");
}

TEST(Receive, ExpiringMakesNoEventThePlatforms) {
  auto forged = expired(published("payment.succeeded", "{}"));
  forged.properties.headers.add("tenantry-exchange", "acme.events");
  forged.properties.headers.add("tenantry-routing-key", "payment.succeeded");
  const auto arrival = received(std::move(forged));
  ASSERT_TRUE(arrival.refused);
  EXPECT_EQ(arrival.refused->reason, "forged_type");
  EXPECT_EQ(arrival.incoming.first_exchange(), "acme.app");
}

// The worker that took it in time and the one that did not must say the same of it.
TEST(Receive, ExpiringHidesNoRoutingKey) {
  const auto with_copy = [](const char* type, const char* key, const char* copy) {
    auto delivery = published(type, "{}");
    delivery.routing_key = key;
    if (copy != nullptr) delivery.properties.headers.add("CC", amqp::Array{amqp::Value{copy}});
    delivery.body = R"({"metric":"orders","quantity":1})";
    return delivery;
  };
  struct {
    const char *type, *key, *copy, *rule;
  } const rows[] = {{"order.created", "payment.succeeded", nullptr, "forged_key"},
                    {"order.created", "any", "payment.succeeded", "forged_key"},
                    {"usage.recorded", "any", nullptr, "wrong_key"},
                    {"usage.recorded", "any", "usage.recorded", nullptr},
                    {"usage.recorded", "usage.recorded", "any", nullptr},
                    {"order.created", "usage.recorded", nullptr, nullptr}};
  for (const auto& row : rows) {
    for (const bool has_expired : {false, true}) {
      auto delivery = with_copy(row.type, row.key, row.copy);
      const auto arrival = received(has_expired ? expired(std::move(delivery)) : std::move(delivery));
      EXPECT_EQ(arrival.refused ? arrival.refused->reason : "", row.rule == nullptr ? "" : row.rule)
          << row.type << " " << row.key << " " << has_expired;
    }
  }
}

TEST(Receive, NobodyButTheBrokerPutsAMessageStraightIntoAQueue) {
  auto straight = published("order.created", "{}");
  straight.exchange = "";
  const auto arrival = received(std::move(straight));
  ASSERT_TRUE(arrival.refused);
  EXPECT_EQ(arrival.refused->reason, "forged_route");
}

TEST(Receive, WhoSaysThatItExpiredBeforeIsRefused) {
  auto forged = published("order.created", "{}");
  forged.properties.expiration = "1";
  forged.properties.headers.add("x-death", amqp::Array{amqp::Value{amqp::Table{{"reason", "expired"}}}});
  const auto arrival = received(std::move(forged));
  ASSERT_TRUE(arrival.refused);
  EXPECT_EQ(arrival.refused->reason, "forged_death");
  auto late = published("order.created", "{}");
  late.properties.headers.add("x-death", amqp::Array{amqp::Value{amqp::Table{{"reason", "expired"}}}});
  late = expired(std::move(late));
  auto& entries = late.properties.headers.entries;  // the broker puts its own before the publisher's, into one list
  std::get<amqp::Array>(entries[4].value.data)
      .insert(std::get<amqp::Array>(entries[4].value.data).begin(), amqp::Table{{"routing-keys", amqp::Array{"k"}}});
  const auto has_expired = received(std::move(late));
  ASSERT_TRUE(has_expired.refused);
  EXPECT_EQ(has_expired.refused->reason, "forged_death");
  auto copied = published("order.created", "{}");  // by who sends again what he got from a dead letter queue
  copied.properties.headers.add("x-death", amqp::Array{amqp::Value{amqp::Table{{"reason", "expired"}}}});
  EXPECT_FALSE(received(std::move(copied)).refused);
}

}  // namespace
}  // namespace tenantry::messaging::receive_test
