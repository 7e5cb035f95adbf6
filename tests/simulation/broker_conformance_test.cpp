// Goal: what the simulation's broker does is what RabbitMQ does.
// Method: one suite, run against both. The real one is reached through our own client: an
// administrator's connection per consumer and per publisher, in a vhost of the test's own.
// That nothing more comes is told without waiting: a passive declaration goes through the
// queue's process, whatever it has sent before arrives before the answer.
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "shared/sim/broker.h"
#include "tests/support/services.h"

namespace tenantry::sim::broker_conformance_test {
namespace {

using testing::eventually;
using testing::must;

constexpr const char* definitions = R"({
  "exchanges": [{"name": "topic", "type": "topic", "durable": true, "auto_delete": false, "internal": false, "arguments": {}},
                {"name": "fanout", "type": "fanout", "durable": true, "auto_delete": false, "internal": false, "arguments": {}},
                {"name": "unbound", "type": "topic", "durable": true, "auto_delete": false, "internal": false, "arguments": {}}],
  "queues": [{"name": "q", "durable": true, "auto_delete": false,
              "arguments": {"x-queue-type": "classic", "x-single-active-consumer": true}},
             {"name": "all", "durable": true, "auto_delete": false,
              "arguments": {"x-queue-type": "classic", "x-single-active-consumer": true}},
             {"name": "shared", "durable": true, "auto_delete": false, "arguments": {"x-queue-type": "classic"}},
             {"name": "short", "durable": true, "auto_delete": false,
              "arguments": {"x-queue-type": "classic", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "late"}},
             {"name": "late", "durable": true, "auto_delete": false,
              "arguments": {"x-queue-type": "classic", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "short"}},
             {"name": "own", "durable": true, "auto_delete": false,
              "arguments": {"x-queue-type": "classic", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "own"}}],
  "bindings": [{"source": "topic", "destination": "q", "destination_type": "queue", "routing_key": "a.*", "arguments": {}},
               {"source": "topic", "destination": "all", "destination_type": "queue", "routing_key": "#", "arguments": {}},
               {"source": "topic", "destination": "all", "destination_type": "queue", "routing_key": "a.b", "arguments": {}},
               {"source": "fanout", "destination": "q", "destination_type": "queue", "routing_key": "x", "arguments": {}},
               {"source": "fanout", "destination": "shared", "destination_type": "queue", "routing_key": "", "arguments": {}}]})";

// A broker with a vhost that holds the above.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual Routed publish(const amqp::Publication& publication) = 0;
  virtual void expire() = 0;  // what is ready, with an expiration of 0
  virtual void bind(const std::string& queue, const std::string& pattern) = 0;  // to "topic"
  virtual void remove_vhost() = 0;
  virtual int consume(const std::string& queue, std::size_t prefetch) = 0;
  // All that it is given at this moment, `count` at least.
  virtual std::vector<amqp::Delivery> take(int consumer, std::size_t count) = 0;
  virtual void ack(int consumer, std::uint64_t tag, bool multiple) = 0;
  virtual void nack(int consumer, std::uint64_t tag, bool multiple, bool requeue) = 0;
  virtual void drop(int consumer) = 0;
  virtual bool is_open(int consumer) = 0;
  virtual bool closes(int consumer) = 0;  // waits for it: the broker may answer a question before it closes
  virtual std::string login() = 0;
};

// ---- the simulated one -----------------------------------------------------------------------------------------

class Simulated final : public Subject {
 public:
  Simulated() {
    broker_.add_vhost("v");
    broker_.import_definitions("v", definitions);
  }
  Routed publish(const amqp::Publication& publication) override { return broker_.publish("v", publication, login()); }
  void expire() override { broker_.expire("v"); }
  void bind(const std::string& queue, const std::string& pattern) override {
    broker_.import_definitions("v", R"({"exchanges":[],"queues":[],"bindings":[{"source":"topic","destination":")" +
                                        queue + R"(","routing_key":")" + pattern + "\"}]}");
  }
  void remove_vhost() override { broker_.remove_vhost("v"); }
  int consume(const std::string& queue, std::size_t prefetch) override {
    consumers_.push_back(broker_.consume("v", queue, prefetch));
    return static_cast<int>(consumers_.size()) - 1;
  }
  // Everybody is served before anybody is asked, as a broker does it.
  std::vector<amqp::Delivery> take(int consumer, std::size_t /*count*/) override {
    for (bool any = true; any;) {
      any = false;
      for (std::size_t i = 0; i < consumers_.size(); ++i) {
        if (auto delivery = broker_.deliver(consumers_[i])) {
          given_[static_cast<int>(i)].push_back(*std::move(delivery));
          any = true;
        }
      }
    }
    return std::exchange(given_[consumer], {});
  }
  void ack(int consumer, std::uint64_t tag, bool multiple) override { broker_.ack(id(consumer), tag, multiple); }
  void nack(int consumer, std::uint64_t tag, bool multiple, bool requeue) override {
    broker_.nack(id(consumer), tag, multiple, requeue);
  }
  void drop(int consumer) override { broker_.drop(id(consumer)); }
  bool is_open(int consumer) override { return broker_.is_open(id(consumer)); }
  bool closes(int consumer) override { return !is_open(consumer); }
  std::string login() override { return "tester"; }

 private:
  ConsumerId id(int consumer) const { return consumers_[static_cast<std::size_t>(consumer)]; }
  Broker broker_;
  std::vector<ConsumerId> consumers_;
  std::map<int, std::vector<amqp::Delivery>> given_;
};

// ---- the real one ----------------------------------------------------------------------------------------------

// A connection with one channel, on a loop of its own.
class Line {
 public:
  explicit Line(const amqp::ConnectionParameters& parameters) {
    amqp::Handlers handlers;
    handlers.on_ready = [this] {
      must(connection_->open_channel(
          [this](Result<amqp::ChannelId> opened) { note([&] { channel_ = must(std::move(opened)); }); }));
    };
    handlers.on_closed = [this](const amqp::CloseReason& reason) {
      note([&] { closed_ = std::string(amqp::to_string(reason.kind)); });
    };
    handlers.on_channel_closed = [this](amqp::ChannelId, int code, const std::string&) {
      note([&] { channel_code_ = code; });
    };
    handlers.on_delivery = [this](amqp::Delivery&& delivery) { note([&] { given_.push_back(std::move(delivery)); }); };
    handlers.on_return = [this](amqp::Returned&&) { note([&] { returned_ = true; }); };
    handlers.on_confirm = [this](amqp::ChannelId, std::uint64_t, bool, bool) { note([&] { confirmed_ = true; }); };
    loop_.run_sync(
        [&] { connection_ = std::make_unique<amqp::Connection>(loop_.loop(), parameters, std::move(handlers)); });
    await([this] { return channel_ != 0 || !closed_.empty(); });
  }
  ~Line() { abandon(); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  // The socket goes, without a word.
  void abandon() {
    loop_.run_sync([&] { connection_.reset(); });
  }

  // Asks the broker for something, and waits for the answer; false where the channel was closed instead.
  bool ask(const std::function<void(amqp::Connection&, amqp::ChannelId, std::function<void()> answered)>& question) {
    bool answered = false;
    loop_.run_sync([&] {
      if (channel_code_ != 0 || !closed_.empty()) return;
      question(*connection_, channel_, [this, &answered] { note([&] { answered = true; }); });
    });
    await([&] { return answered || channel_code_ != 0 || !closed_.empty(); });
    return answered;
  }

  Routed publish(const amqp::Publication& publication) {
    if (!closed_.empty()) return Routed::no_vhost;
    ask([](auto& connection, auto channel, auto answered) {
      must(connection.confirm_select(channel, [answered](Result<void>) { answered(); }));
    });
    loop_.run_sync([&] { must(connection_->publish(channel_, publication)); });
    await([this] { return confirmed_ || channel_code_ != 0 || !closed_.empty(); });
    if (channel_code_ == 404) return Routed::no_exchange;
    if (channel_code_ == 406) return Routed::refused;
    if (!closed_.empty()) return Routed::no_vhost;
    return returned_ ? Routed::returned : Routed::queued;
  }

  // What has come by the time the queue answers a question, and where that is less than `count`, when so many have: a
  // queue that was full hears of new room by way of the channel's limiter, which a question may overtake.
  std::vector<amqp::Delivery> take(const std::string& queue, std::size_t count) {
    ask([&](auto& connection, auto channel, auto answered) {
      must(connection.queue_declare(channel, {.queue = queue, .passive = true},
                                    [answered](Result<amqp::QueueInfo>) { answered(); }));
    });
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, testing::patience, [&] { return given_.size() >= count; });
    return std::exchange(given_, {});
  }

  void now(const std::function<void(amqp::Connection&, amqp::ChannelId)>& act) {
    loop_.run_sync([&] { act(*connection_, channel_); });
  }

  bool closes() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, testing::patience, [this] { return channel_code_ != 0 || !closed_.empty(); });
  }

  bool is_open() {
    const std::lock_guard lock(mutex_);
    return closed_.empty() && channel_code_ == 0;
  }

 private:
  void note(const std::function<void()>& change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  void await(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, testing::patience, condition)) throw std::runtime_error("the broker does not answer");
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  amqp::ChannelId channel_ = 0;
  std::string closed_;
  int channel_code_ = 0;
  bool returned_ = false, confirmed_ = false;
  std::vector<amqp::Delivery> given_;
  std::unique_ptr<amqp::Connection> connection_;
  loop::LoopThread loop_;  // last: stopped before what its handlers touch is gone
};

class Real final : public Subject {
 public:
  Real() {
    broker_.ensure_platform();  // its users are let into every vhost
    must(broker_.admin().import_definitions(broker_.vhost(), definitions));
    parameters_ = broker_.as_admin(broker_.vhost());
  }
  Routed publish(const amqp::Publication& publication) override { return Line(parameters_).publish(publication); }
  void expire() override {}  // it does so by itself
  void bind(const std::string& queue, const std::string& pattern) override {
    Line(parameters_).ask([&](auto& connection, auto channel, auto answered) {
      must(connection.queue_bind(channel, {.queue = queue, .exchange = "topic", .routing_key = pattern},
                                 [answered](Result<void>) { answered(); }));
    });
  }
  void remove_vhost() override { must(broker_.admin().remove_vhost(broker_.vhost())); }
  int consume(const std::string& queue, std::size_t prefetch) override {
    consumers_.push_back({std::make_unique<Line>(parameters_), queue});
    consumers_.back().line->ask([&](auto& connection, auto channel, auto answered) {
      must(connection.qos(channel, static_cast<std::uint16_t>(prefetch), nullptr));
      must(connection.consume(channel, queue, "test", {}, [answered](Result<std::string>) { answered(); }));
    });
    return static_cast<int>(consumers_.size()) - 1;
  }
  std::vector<amqp::Delivery> take(int consumer, std::size_t count) override {
    auto& one = consumers_[static_cast<std::size_t>(consumer)];
    return one.line->take(one.queue, count);
  }
  void ack(int consumer, std::uint64_t tag, bool multiple) override {
    settle(consumer, [=](auto& connection, auto channel) { must(connection.ack(channel, tag, multiple)); });
  }
  void nack(int consumer, std::uint64_t tag, bool multiple, bool requeue) override {
    settle(consumer, [=](auto& connection, auto channel) { must(connection.nack(channel, tag, multiple, requeue)); });
  }
  // Gone when the broker has noticed: then the others have what it held.
  void drop(int consumer) override {
    auto& one = consumers_[static_cast<std::size_t>(consumer)];
    const auto before = consumer_count(one.queue);
    one.line->abandon();
    if (!eventually([&] { return consumer_count(one.queue) < before; })) throw std::runtime_error("still consumes");
  }
  bool closes(int consumer) override { return consumers_[static_cast<std::size_t>(consumer)].line->closes(); }
  bool is_open(int consumer) override {
    auto& one = consumers_[static_cast<std::size_t>(consumer)];
    one.line->take("q", 0);  // an answer, or the close
    return one.line->is_open();
  }
  std::string login() override { return parameters_.user; }

 private:
  struct One {
    std::unique_ptr<Line> line;
    std::string queue;
  };
  void settle(int consumer, const std::function<void(amqp::Connection&, amqp::ChannelId)>& act) {
    consumers_[static_cast<std::size_t>(consumer)].line->now(act);
  }
  std::uint32_t consumer_count(const std::string& queue) {
    std::uint32_t count = 0;
    Line(parameters_).ask([&](auto& connection, auto channel, auto answered) {
      must(connection.queue_declare(channel, {.queue = queue, .passive = true},
                                    [&count, answered](Result<amqp::QueueInfo> info) {
                                      count = must(std::move(info)).consumer_count;
                                      answered();
                                    }));
    });
    return count;
  }

  testing::TestBroker broker_;
  amqp::ConnectionParameters parameters_;
  std::vector<One> consumers_;
};

// ---- the suite -------------------------------------------------------------------------------------------------

template <class S>
class BrokerConformance : public ::testing::Test {
 protected:
  Routed publish(const std::string& key, const std::string& exchange = "topic", amqp::Properties properties = {},
                 bool mandatory = true) {
    return subject.publish(
        {.exchange = exchange, .routing_key = key, .properties = properties, .body = key, .mandatory = mandatory});
  }
  void publish_all(std::initializer_list<const char*> keys) {
    for (const char* key : keys) ASSERT_EQ(publish(key), Routed::queued);
  }
  // Bodies in their order, when so many have come; "again" where the broker says redelivered.
  std::string taken(int consumer, std::size_t count) {
    std::string out;
    for (const auto& delivery : subject.take(consumer, count)) {
      out += (out.empty() ? "" : ", ") + delivery.body + (delivery.redelivered ? " again" : "");
    }
    return out;
  }
  S subject;
};

using Subjects = ::testing::Types<Simulated, Real>;
struct Names {
  template <class S>
  static std::string GetName(int) {
    return std::is_same_v<S, Real> ? "RabbitMQ" : "Simulated";
  }
};
TYPED_TEST_SUITE(BrokerConformance, Subjects, Names);

TYPED_TEST(BrokerConformance, TopicPatternsRouteByWords) {
  struct Row {
    const char* pattern;
    const char* key;
    bool matches;
  };
  const Row rows[] = {
      {"a.b", "a.b", true},    {"a.b", "a.b.c", false}, {"b.*", "b.c", true},     {"b.*", "b", false},
      {"b.*", "b.c.d", false}, {"c.#", "c", true},      {"c.#", "c.d.e", true},   {"#.e", "c.d.e", true},
      {"#.e", "e", true},      {"#.e", "c.d", false},   {"d.#.f", "d.f", true},   {"d.#.f", "d.e.e.f", true},
      {"d.#.f", "d.e", false}, {"*.#.z", "z", false},   {"*.#.z", "y.z", true},   {"#.#", "", true},
      {"*", "", false},        {"g.*.h", "g..h", true}, {"", "", true},           {"i.", "i.", true},
      {"i.*", "i.", true},     {"*.*", ".", true},      {"#.x.#", "a.x.b", true}, {"#.x.#", "a.xx.b", false}};
  for (const auto& row : rows) {
    TypeParam fresh;
    fresh.bind("shared", row.pattern);
    const auto consumer = fresh.consume("shared", 10);
    const amqp::Properties none;
    EXPECT_EQ(fresh.publish({.exchange = "topic", .routing_key = row.key, .properties = none, .body = "m"}),
              Routed::queued);
    EXPECT_EQ(fresh.take(consumer, row.matches ? 1U : 0U).size(), row.matches ? 1U : 0U)
        << row.pattern << " and " << row.key;
  }
}

TYPED_TEST(BrokerConformance, AMessageGoesOnceToEachQueueHoweverManyBindingsMatch) {
  const auto q = this->subject.consume("q", 10);
  const auto all = this->subject.consume("all", 10);
  EXPECT_EQ(this->publish("a.b"), Routed::queued);
  EXPECT_EQ(this->taken(q, 1), "a.b");
  EXPECT_EQ(this->taken(all, 1), "a.b");
}

TYPED_TEST(BrokerConformance, AFanoutIgnoresTheKey) {
  const auto q = this->subject.consume("q", 10);
  const auto shared = this->subject.consume("shared", 10);
  EXPECT_EQ(this->publish("anything", "fanout"), Routed::queued);
  EXPECT_EQ(this->taken(q, 1), "anything");
  EXPECT_EQ(this->taken(shared, 1), "anything");
}

TYPED_TEST(BrokerConformance, TheDefaultExchangeRoutesToTheQueueOfThatName) {
  const auto q = this->subject.consume("q", 10);
  EXPECT_EQ(this->publish("q", ""), Routed::queued);
  EXPECT_EQ(this->publish("nobody", ""), Routed::returned);
  const auto deliveries = this->subject.take(q, 1);
  ASSERT_EQ(deliveries.size(), 1U);
  EXPECT_EQ(deliveries[0].exchange, "");
  EXPECT_EQ(deliveries[0].routing_key, "q");
}

TYPED_TEST(BrokerConformance, OnlyAMandatoryMessageThatNoQueueTakesIsReturned) {
  EXPECT_EQ(this->publish("x", "unbound"), Routed::returned);
  EXPECT_EQ(this->publish("x", "unbound", {}, false), Routed::queued);
}

TYPED_TEST(BrokerConformance, AMissingExchangeClosesTheChannelMandatoryOrNot) {
  EXPECT_EQ(this->publish("x", "missing"), Routed::no_exchange);
  EXPECT_EQ(this->publish("x", "missing", {}, false), Routed::no_exchange);
}

TYPED_TEST(BrokerConformance, TheUserIdMustBeThePublishersOwnOrAbsent) {
  const auto q = this->subject.consume("q", 10);
  EXPECT_EQ(this->publish("a.1", "topic", {.user_id = "somebody-else"}), Routed::refused);
  EXPECT_EQ(this->publish("a.2", "topic", {.user_id = this->subject.login()}), Routed::queued);
  EXPECT_EQ(this->publish("a.3"), Routed::queued);
  const auto deliveries = this->subject.take(q, 2);
  ASSERT_EQ(deliveries.size(), 2U);
  EXPECT_EQ(deliveries[0].properties.user_id, this->subject.login());
  EXPECT_EQ(deliveries[1].properties.user_id, std::nullopt);
}

TYPED_TEST(BrokerConformance, CopiesRouteToo) {
  const auto q = this->subject.consume("q", 10);
  const auto all = this->subject.consume("all", 10);
  for (const char* header : {"CC", "BCC"}) {
    amqp::Properties properties;
    properties.headers.add(header, amqp::Array{amqp::Value("a.copy"), amqp::Value("a.other")});
    EXPECT_EQ(this->publish("elsewhere", "topic", properties), Routed::queued);
    const auto copied = this->subject.take(q, 1);
    ASSERT_EQ(copied.size(), 1U) << header;
    EXPECT_EQ(copied[0].routing_key, "elsewhere") << "the publisher's own key is shown";
    EXPECT_EQ(copied[0].properties.headers.find("BCC"), nullptr);
    EXPECT_EQ(copied[0].properties.headers.find("CC") != nullptr, header == std::string("CC"));
    EXPECT_EQ(this->taken(all, 1), "elsewhere") << "once, though three keys match";
  }
}

TYPED_TEST(BrokerConformance, WhatWasPublishedIsWhatIsDelivered) {
  const auto q = this->subject.consume("q", 10);
  amqp::Properties properties{.content_type = "application/json",
                              .delivery_mode = std::uint8_t{2},
                              .correlation_id = "c",
                              .message_id = "m",
                              .timestamp = 1'800'000'000,
                              .type = "test.happened",
                              .app_id = "app"};
  properties.headers.add("text", "é");
  properties.headers.add("number", std::int64_t{-7});
  EXPECT_EQ(this->publish("a.b", "topic", properties), Routed::queued);
  const auto deliveries = this->subject.take(q, 1);
  ASSERT_EQ(deliveries.size(), 1U);
  EXPECT_EQ(deliveries[0].properties, properties);
  EXPECT_EQ(deliveries[0].exchange, "topic");
  EXPECT_EQ(deliveries[0].routing_key, "a.b");
  EXPECT_EQ(deliveries[0].delivery_tag, 1U);
  EXPECT_FALSE(deliveries[0].redelivered);
}

TYPED_TEST(BrokerConformance, WhatExpiresGoesWhereItsQueueSendsIt) {
  amqp::Properties expiring{.expiration = "0"};
  expiring.headers.add("CC", amqp::Array{"another"});
  EXPECT_EQ(this->publish("short", "", expiring), Routed::queued);
  this->subject.expire();
  const auto deliveries = this->subject.take(this->subject.consume("late", 10), 1);
  ASSERT_EQ(deliveries.size(), 1U);
  const auto& properties = deliveries[0].properties;
  EXPECT_EQ(deliveries[0].exchange, "");
  EXPECT_EQ(deliveries[0].routing_key, "late");
  EXPECT_EQ(properties.expiration, std::nullopt);
  EXPECT_EQ(*properties.headers.find("x-first-death-reason"), amqp::Value("expired"));
  EXPECT_EQ(*properties.headers.find("x-first-death-queue"), amqp::Value("short"));
  EXPECT_EQ(properties.headers.find("CC"), nullptr);
  const auto* deaths = properties.headers.find("x-death");
  ASSERT_NE(deaths, nullptr);
  const auto& newest = std::get<amqp::Table>(std::get<amqp::Array>(deaths->data).at(0).data);
  EXPECT_EQ(*newest.find("routing-keys"), (amqp::Value{amqp::Array{"short", "another"}}));
}

TYPED_TEST(BrokerConformance, WhatWouldDieIntoAQueueThatItDiedInIsDropped) {
  EXPECT_EQ(this->publish("own", "", {.expiration = "0"}), Routed::queued);
  amqp::Properties twice{.expiration = "0"};
  twice.headers.add("x-death", amqp::Array{amqp::Value{amqp::Table{{"queue", "late"}, {"reason", "expired"}}}});
  EXPECT_EQ(this->publish("short", "", twice), Routed::queued);
  EXPECT_EQ(this->publish("short", "", {.expiration = "0"}), Routed::queued);
  this->subject.expire();
  EXPECT_EQ(this->taken(this->subject.consume("late", 10), 1), "short") << "the one, and not the one before it";
  EXPECT_EQ(this->taken(this->subject.consume("own", 10), 0), "");
}

TYPED_TEST(BrokerConformance, PrefetchBoundsWhatIsUnacknowledged) {
  this->publish_all({"1", "2", "3", "4"});
  const auto consumer = this->subject.consume("all", 2);
  EXPECT_EQ(this->taken(consumer, 2), "1, 2");
  EXPECT_EQ(this->taken(consumer, 0), "");
  this->subject.ack(consumer, 1, false);
  EXPECT_EQ(this->taken(consumer, 1), "3");
}

TYPED_TEST(BrokerConformance, APrefetchOfZeroIsNoLimit) {
  this->publish_all({"1", "2", "3"});
  EXPECT_EQ(this->taken(this->subject.consume("all", 0), 3), "1, 2, 3");
}

TYPED_TEST(BrokerConformance, WhatALostConnectionHeldComesAgainInItsPlace) {
  this->publish_all({"1", "2", "3", "4"});
  const auto first = this->subject.consume("all", 3);
  EXPECT_EQ(this->taken(first, 3), "1, 2, 3");
  this->subject.ack(first, 2, false);
  EXPECT_EQ(this->taken(first, 1), "4");  // so the acknowledgement has been read
  this->subject.drop(first);
  this->publish_all({"5"});
  EXPECT_EQ(this->taken(this->subject.consume("all", 10), 4), "1 again, 3 again, 4 again, 5");
}

TYPED_TEST(BrokerConformance, OneAcknowledgementMaySettleAllBeforeIt) {
  this->publish_all({"1", "2", "3", "4"});
  const auto first = this->subject.consume("all", 3);
  EXPECT_EQ(this->taken(first, 3), "1, 2, 3");
  this->subject.ack(first, 2, true);
  EXPECT_EQ(this->taken(first, 1), "4");
  this->subject.drop(first);
  EXPECT_EQ(this->taken(this->subject.consume("all", 10), 2), "3 again, 4 again");
}

TYPED_TEST(BrokerConformance, TagZeroOfManyIsEverything) {
  this->publish_all({"1", "2", "3"});
  const auto first = this->subject.consume("all", 2);
  EXPECT_EQ(this->taken(first, 2), "1, 2");
  this->subject.ack(first, 0, true);
  EXPECT_EQ(this->taken(first, 1), "3");
  this->subject.ack(first, 0, true);
  EXPECT_TRUE(this->subject.is_open(first));
}

TYPED_TEST(BrokerConformance, ARefusalPutsItBackInItsPlaceOrThrowsItAway) {
  this->publish_all({"1", "2", "3"});
  const auto consumer = this->subject.consume("all", 2);
  EXPECT_EQ(this->taken(consumer, 2), "1, 2");
  this->subject.nack(consumer, 1, false, true);
  EXPECT_EQ(this->taken(consumer, 1), "1 again") << "before 3, which waits for room";
  this->subject.nack(consumer, 2, false, false);
  EXPECT_EQ(this->taken(consumer, 1), "3");
  this->subject.drop(consumer);
  EXPECT_EQ(this->taken(this->subject.consume("all", 10), 2), "1 again, 3 again");
}

TYPED_TEST(BrokerConformance, ManyRefusedAtOnceKeepTheirOrder) {
  this->publish_all({"1", "2", "3", "4"});
  const auto consumer = this->subject.consume("all", 3);
  EXPECT_EQ(this->taken(consumer, 3), "1, 2, 3");
  this->subject.nack(consumer, 3, true, true);
  EXPECT_EQ(this->taken(consumer, 3), "1 again, 2 again, 3 again");
}

TYPED_TEST(BrokerConformance, SettlingWhatIsNotOnesOwnClosesTheChannel) {
  this->publish_all({"1", "2"});
  const auto consumer = this->subject.consume("all", 1);
  EXPECT_EQ(this->taken(consumer, 1), "1");
  this->subject.ack(consumer, 7, false);
  EXPECT_TRUE(this->subject.closes(consumer));
  EXPECT_EQ(this->taken(this->subject.consume("all", 10), 2), "1 again, 2");
}

TYPED_TEST(BrokerConformance, AcknowledgingTwiceClosesTheChannel) {
  this->publish_all({"1"});
  const auto consumer = this->subject.consume("all", 1);
  EXPECT_EQ(this->taken(consumer, 1), "1");
  this->subject.ack(consumer, 1, false);
  EXPECT_TRUE(this->subject.is_open(consumer));
  this->subject.ack(consumer, 1, false);
  EXPECT_TRUE(this->subject.closes(consumer));
}

TYPED_TEST(BrokerConformance, OnlyTheFirstOfAQueueWithASingleActiveConsumerIsServed) {
  const auto first = this->subject.consume("all", 1);
  const auto second = this->subject.consume("all", 10);
  this->publish_all({"1", "2"});
  EXPECT_EQ(this->taken(first, 1), "1");
  EXPECT_EQ(this->taken(second, 0), "") << "though the first is full";
  this->subject.drop(first);
  EXPECT_EQ(this->taken(second, 2), "1 again, 2");
}

TYPED_TEST(BrokerConformance, WhoComesBackToASingleActiveConsumersQueueWaitsBehindTheOthers) {
  const auto first = this->subject.consume("all", 10);
  const auto second = this->subject.consume("all", 10);
  this->subject.drop(first);
  const auto again = this->subject.consume("all", 10);
  this->publish_all({"1"});
  EXPECT_EQ(this->taken(again, 0), "");
  EXPECT_EQ(this->taken(second, 1), "1");
}

TYPED_TEST(BrokerConformance, ASharedQueueServesWhoeverHasRoom) {
  const auto first = this->subject.consume("shared", 1);
  const auto second = this->subject.consume("shared", 1);
  for (const char* key : {"1", "2", "3"}) ASSERT_EQ(this->publish(key, "fanout"), Routed::queued);
  EXPECT_EQ(this->taken(first, 1), "1");
  EXPECT_EQ(this->taken(second, 1), "2");
  this->subject.ack(second, 1, false);
  EXPECT_EQ(this->taken(second, 1), "3");
  EXPECT_EQ(this->taken(first, 0), "");
}

TYPED_TEST(BrokerConformance, AVhostTakesItsConsumersAndPublishersWithIt) {
  this->publish_all({"1"});
  const auto consumer = this->subject.consume("all", 10);
  EXPECT_EQ(this->taken(consumer, 1), "1");
  this->subject.remove_vhost();
  EXPECT_EQ(this->publish("1"), Routed::no_vhost);
  EXPECT_TRUE(this->subject.closes(consumer));
}

}  // namespace
}  // namespace tenantry::sim::broker_conformance_test
