// Goal: what is committed to the outbox reaches the broker, at its time, at least once,
// and leaves the outbox only then.
// Method: rows written by the outbox itself; a relay on a loop of its own, on a clock
// that the test moves; queues of a vhost of the test's own.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "events/codec.h"
#include "events/topology.h"
#include "shared/db/clock_offset.h"
#include "shared/messaging/outbox.h"
#include "shared/messaging/publisher.h"
#include "shared/messaging/relay.h"
#include "tests/integration/lane_harness.h"

namespace tenantry::messaging::outbox_relay_test {
namespace {

using testing::activated;
using testing::eventually;
using testing::TestBroker;
using testing::TestDatabase;

class OutboxTest : public ::testing::Test {
 protected:
  Outbox outbox() { return {"/tenantry/signup", events::Actor::service("signup"), ids, clock.now()}; }

  std::vector<OutboxRow> commit(const std::function<void(Outbox&)>& fill) {
    db::Connection own(database.url("gateway"), "test");
    db::Transaction tx(own);
    auto box = outbox();
    fill(box);
    box.flush(tx);
    tx.commit();
    return box.take_due();
  }
  std::string rows() {
    return database.value(
        "SELECT count(*) || coalesce(' ' || string_agg(convert_from(payload, 'UTF8'), ' ' ORDER BY "
        "available_at, seq), '') FROM messaging.outbox WHERE content_type = 'text/plain'");
  }

  // A row straight to a queue.
  OutboxRow row(const std::string& vhost, const std::string& queue, const std::string& text) {
    OutboxRow out;
    out.id = ids.next();
    out.routing_key = queue;
    out.vhost = vhost;
    out.tenant_id = "acme";
    out.type = "test.happened";
    out.content_type = "text/plain";
    out.payload = text;
    out.available_at = clock.now();
    return out;
  }

  ManualClock clock{from_unix_seconds(1'800'000'000)};
  SystemIdGenerator ids{clock};
  TestDatabase database;
};

// ---- the outbox alone ------------------------------------------------------------------------------------------

TEST_F(OutboxTest, SameDecisionFlushedTwiceIsThereOnce) {
  const auto cause = testing::event_of("acme", activated("cause"), ids, clock.now());
  std::vector<Uuid> said;
  for (int run = 0; run < 2; ++run) {
    commit([&](Outbox& box) {
      box.set_cause(&cause);
      said.push_back(box.publish("acme", activated("one")));
      said.push_back(box.publish("acme", activated("two")));
    });
  }
  EXPECT_EQ(said[0], said[2]);
  EXPECT_EQ(said[1], said[3]);
  EXPECT_NE(said[0], said[1]);
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.outbox"), "2");
}

TEST_F(OutboxTest, TimersOfAKey) {
  const auto timers = [&] {
    return database.value(
        "SELECT coalesce(string_agg(timer_key || ' ' || extract(epoch FROM available_at)::bigint - "
        "1800000000, ', ' ORDER BY timer_key), '') FROM messaging.outbox");
  };
  const auto at = [&](int seconds) { return clock.now() + Seconds{seconds}; };
  EXPECT_TRUE(commit([&](Outbox& box) { box.schedule("a", at(10), "acme", activated()); }).empty());
  commit([&](Outbox& box) { box.schedule("b", at(20), "acme", activated()); });
  EXPECT_EQ(timers(), "a 10, b 20");
  commit([&](Outbox& box) { box.schedule("a", at(30), "acme", activated()); });
  EXPECT_EQ(timers(), "a 30, b 20") << "a key scheduled again replaces";
  commit([&](Outbox& box) {
    box.schedule("b", at(40), "acme", activated());
    box.schedule("b", at(50), "acme", activated());
  });
  EXPECT_EQ(timers(), "a 30, b 50") << "within one transaction too";
  commit([&](Outbox& box) { box.cancel("a"); });
  EXPECT_EQ(timers(), "b 50");
  commit([&](Outbox& box) {
    box.schedule("c", at(60), "acme", activated());
    box.cancel("c");
    box.cancel("unknown");
  });
  EXPECT_EQ(timers(), "b 50");
}

TEST_F(OutboxTest, RolledBackIsNotThere) {
  db::Connection own(database.url("gateway"), "test");
  {
    db::Transaction tx(own);
    auto box = outbox();
    box.publish("acme", activated());
    box.flush(tx);
  }
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.outbox"), "0");
}

TEST_F(OutboxTest, HeadersAndPayloadAreKeptByteForByte) {
  OutboxRow odd = row("v", "q", std::string("\0\xff\"\\{}", 6));
  odd.headers = {{"quote", "\"\\"}, {"accent", "d\xc3\xa9j\xc3\xa0"}, {"empty", ""}};
  commit([&](Outbox& box) { box.retry(odd); });
  EXPECT_EQ(database.value("SELECT payload::text FROM messaging.outbox"), "\\x00ff225c7b7d");
  EXPECT_EQ(database.value("SELECT headers ->> 'quote' FROM messaging.outbox"), "\"\\");
}

// ---- with a relay ----------------------------------------------------------------------------------------------

class RelayTest : public OutboxTest {
 protected:
  void SetUp() override {
    broker.ensure_platform();
    vhost = broker.vhost();
    parameters = broker.publisher();
  }

  Relay& start() {
    RelayOptions options;
    options.database_url = database.url("runtime");
    options.publisher.broker = parameters;
    options.sweep_every = Milliseconds{20};
    relay = std::make_unique<Relay>(loop.loop(), options, clock, ids);
    relay->start();
    return *relay;
  }

  void TearDown() override {
    if (relay) relay->drain(Milliseconds{5'000});
    loop.stop();
    relay.reset();
  }

  // As a process leaves it that died after the commit: nobody will hand it over, its lease is over.
  void orphan(std::vector<OutboxRow> orphans) {
    commit([&](Outbox& box) {
      for (auto& each : orphans) box.retry(std::move(each));
    });
    database.exec("superuser", "UPDATE messaging.outbox SET claimed_until = now() - interval '1 second'");
  }
  bool empty() {
    return eventually([&] { return rows() == "0"; });
  }
  static std::vector<std::string> bodies(const std::vector<testing::Heard>& heard) {
    std::vector<std::string> out;
    for (const auto& message : heard) out.push_back(message.body);
    return out;
  }

  static double seconds_to_drain(Relay& running, Milliseconds deadline) {
    const auto began = std::chrono::steady_clock::now();
    running.drain(deadline);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  }

  TestBroker broker;
  std::string vhost;
  amqp::ConnectionParameters parameters;
  loop::LoopThread loop;
  std::unique_ptr<Relay> relay;
};

using Texts = std::vector<std::string>;

// One tick closes all that are over the cap, and rows that arrive meanwhile wait for the next connection.
TEST_F(RelayTest, ClosingIdleConnectionsAllAtOnceRefusesNoRow) {
  constexpr int tenants = 4;
  std::vector<std::string> of_tenant;
  for (int i = 0; i < tenants; ++i) of_tenant.push_back(broker.make_tenant());
  PublisherOptions options{.broker = parameters, .connections_max = 1};
  std::map<PublishOutcome, int> outcomes;  // touched on the loop alone
  std::unique_ptr<Publisher> publisher;
  const auto publish_to_all = [&] {
    std::vector<OutboxRow> rows;
    for (const auto& tenant : of_tenant) {
      rows.push_back(row(events::vhost_of(tenant), events::queue_of(tenant, "billing"), "x"));
    }
    publisher->publish(std::move(rows));
  };
  const auto on_loop = [&](const std::function<bool()>& condition) {
    bool holds = false;
    loop.run_sync([&] { holds = condition(); });
    return holds;
  };
  loop.run_sync([&] {
    publisher = std::make_unique<Publisher>(
        loop.loop(), options, ids,
        [&](const RowKey&, const OutboxRow&, PublishOutcome outcome, const std::string&) { ++outcomes[outcome]; },
        [](bool) {});
    publisher->start();
    publish_to_all();
  });
  for (int round = 1; round <= 3; ++round) {
    std::set<std::size_t> open;
    ASSERT_TRUE(eventually([&] {
      return on_loop([&] {
        const bool all = outcomes[PublishOutcome::confirmed] == round * tenants;
        if (all) open.insert(publisher->connections());
        const bool closed = all && publisher->connections() == 1;
        if (closed) publish_to_all();  // before the broker has answered, where we were quick
        return closed;
      });
    })) << round;
    EXPECT_LE(open.size(), 2U) << "one by one";
  }
  EXPECT_TRUE(eventually([&] { return on_loop([&] { return publisher->in_flight() == 0; }); }));
  loop.run_sync([&] {
    EXPECT_EQ(outcomes.size(), 1U) << "something else than confirmed";
    publisher->close();
  });
  loop.stop();
  publisher.reset();
}

TEST_F(RelayTest, WhatADeadProcessLeftIsPublishedInOrderAndDeleted) {
  testing::Listener listener(broker.as_admin(vhost), "q");
  orphan({row(vhost, "q", "1"), row(vhost, "q", "2"), row(vhost, "q", "3")});
  start();
  const auto heard = listener.await(3);
  EXPECT_EQ(bodies(heard), (Texts{"1", "2", "3"}));
  EXPECT_EQ(heard[0].user_id, parameters.user);
  EXPECT_EQ(heard[0].type, "test.happened");
  EXPECT_TRUE(empty()) << rows();
}

TEST_F(RelayTest, WhatIsHandedOverIsPublishedAtOnceAndOnce) {
  testing::Listener listener(broker.as_admin(vhost), "q");
  auto& running = start();
  running.hand_over(commit([&](Outbox& box) {
    for (int i = 0; i < 100; ++i) box.retry(row(vhost, "q", std::to_string(i)));
  }));
  EXPECT_EQ(listener.await(100).size(), 100U);
  EXPECT_TRUE(empty()) << rows();
  EXPECT_EQ(listener.heard().size(), 100U);
}

TEST_F(RelayTest, LeasedRowIsLeftToItsWriter) {
  testing::Listener listener(broker.as_admin(vhost), "q");
  commit([&](Outbox& box) { box.retry(row(vhost, "q", "leased")); });
  database.exec("superuser", "UPDATE messaging.outbox SET claimed_until = now() + interval '1 hour'");
  commit([&](Outbox& box) { box.retry(row(vhost, "q", "free")); });
  database.exec("superuser", "UPDATE messaging.outbox SET claimed_until = NULL WHERE payload = 'free'");
  start();
  EXPECT_EQ(bodies(listener.await(1)), Texts{"free"});
  EXPECT_TRUE(eventually([&] { return rows() == "1 leased"; })) << rows();
}

TEST_F(RelayTest, TimerWaitsForTheClock) {
  testing::Listener listener(broker.as_admin(vhost), "q");
  auto later = row(vhost, "q", "later");
  later.available_at = clock.now() + Seconds{60};
  orphan({later, row(vhost, "q", "now")});
  start();
  EXPECT_EQ(bodies(listener.await(1)), Texts{"now"});
  clock.advance(Seconds{59});
  orphan({row(vhost, "q", "at 59")});
  EXPECT_EQ(bodies(listener.await(2)), (Texts{"now", "at 59"}));
  clock.advance(Seconds{1});
  EXPECT_EQ(bodies(listener.await(3)), (Texts{"now", "at 59", "later"}));
  EXPECT_TRUE(empty()) << rows();
}

TEST_F(RelayTest, UnroutableRowStaysAndIsPublishedOnceThereIsAQueue) {
  orphan({row(vhost, "q", "lost")});
  start();
  ASSERT_TRUE(eventually(
      [&] { return database.value("SELECT attempts || coalesce(last_error, '') FROM messaging.outbox") != "0"; }));
  EXPECT_EQ(database.value("SELECT last_error FROM messaging.outbox"), "not taken by the broker");
  testing::Listener listener(broker.as_admin(vhost), "q");
  EXPECT_EQ(bodies(listener.await(1)), Texts{"lost"});
  EXPECT_TRUE(empty()) << rows();
}

// AMQP takes 255 bytes of content type. Such a row would be tried for ever, first in each sweep, and its tenant's end
// would wait for it.
TEST_F(RelayTest, WhatNoBrokerTakesIsSetAsideAndNothingWaitsForIt) {
  testing::Listener listener(broker.as_admin(vhost), "q");
  auto odd = row(vhost, "q", "odd");
  odd.content_type = std::string(317, 'a');
  auto elsewhere = odd;  // the same event, on its way to another queue, too
  elsewhere.routing_key = "q2";
  orphan({odd, elsewhere, row(vhost, "q", "next")});
  start();
  EXPECT_EQ(bodies(listener.await(1)), Texts{"next"});
  EXPECT_TRUE(empty()) << rows();
  const auto id = odd.id.to_string();
  EXPECT_EQ(database.value(
                "SELECT string_agg(worker || ' ' || state || ' ' || convert_from(body, 'UTF8') || ' ' || event_id, "
                "', ' ORDER BY worker) FROM messaging.dead_letters"),
            "relay.q waiting odd " + id + ", relay.q2 waiting odd " + id);
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.dead_letters WHERE error = ''"), "0");
}

TEST_F(RelayTest, RowOfAMissingVhostGoesThroughThePlatform) {
  const auto tenant = broker.reserve_tenant();
  commit([&](Outbox& box) { box.publish(tenant, activated("no vhost yet")); });
  database.exec("superuser", "UPDATE messaging.outbox SET claimed_until = NULL");
  start();
  // Deleted means confirmed and not returned: a queue of the platform took it.
  EXPECT_TRUE(eventually([&] { return database.value("SELECT count(*)::text FROM messaging.outbox") == "0"; }));
  EXPECT_FALSE(testing::must(broker.admin().has_vhost(events::vhost_of(tenant))));
}

TEST_F(RelayTest, EventOfATenantReachesTheQueuesOfItsVhost) {
  const auto tenant = broker.make_tenant();
  database.add_tenant(tenant);
  testing::Listener listener(broker.as_admin(events::vhost_of(tenant)), "watch",
                             {{events::events_exchange(tenant), "#"}});
  commit([&](Outbox& box) { box.publish(tenant, activated("hello")); });
  database.exec("superuser", "UPDATE messaging.outbox SET claimed_until = NULL");
  start();
  const auto heard = listener.await(1);
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].exchange, events::events_exchange(tenant));
  EXPECT_EQ(heard[0].routing_key, "tenant.activated");
}

TEST_F(RelayTest, LossOfOneVhostsConnectionStopsNeitherItNorTheSweeper) {
  testing::Proxy proxy("127.0.0.1", parameters.port);
  parameters.port = proxy.port();
  testing::Listener listener(broker.as_admin(vhost), "q");
  auto& running = start();
  orphan({row(vhost, "q", "before")});
  ASSERT_EQ(listener.await(1).size(), 1U);
  ASSERT_TRUE(eventually([&] { return proxy.cut(vhost) > 0; }));
  orphan({row(vhost, "q", "after")});
  EXPECT_EQ(listener.await(2).size(), 2U);
  EXPECT_TRUE(empty()) << rows();
  EXPECT_TRUE(running.broker_reachable());
}

TEST_F(RelayTest, LossOfEveryConnectionLosesNothing) {
  testing::Proxy proxy("127.0.0.1", parameters.port);
  parameters.port = proxy.port();
  testing::Listener listener(broker.as_admin(vhost), "q");
  start();
  std::vector<OutboxRow> many;
  for (int i = 0; i < 200; ++i) many.push_back(row(vhost, "q", std::to_string(i)));
  orphan(many);
  ASSERT_FALSE(listener.await(1).empty());
  proxy.cut("AMQP");
  EXPECT_TRUE(empty()) << rows();
  std::set<std::string> distinct;
  for (const auto& text : bodies(listener.heard())) distinct.insert(text);
  EXPECT_EQ(distinct.size(), 200U);
}

TEST_F(RelayTest, LossOfTheDatabaseLosesNothing) {
  testing::Listener listener(broker.as_admin(vhost), "q");
  auto& running = start();
  ASSERT_TRUE(eventually([&] { return running.broker_reachable(); }));
  database.allow_connections(false);
  database.terminate_backends();
  ASSERT_TRUE(eventually([&] { return !running.database_reachable(); }));
  database.allow_connections(true);
  orphan({row(vhost, "q", "after")});
  EXPECT_EQ(listener.await(1).size(), 1U);
  EXPECT_TRUE(empty()) << rows();
}

TEST_F(RelayTest, DrainPublishesWhatWasHandedOver) {
  testing::Listener listener(broker.as_admin(vhost), "q");
  auto& running = start();
  ASSERT_TRUE(eventually([&] { return running.broker_reachable(); }));
  running.hand_over(commit([&](Outbox& box) {
    for (int i = 0; i < 50; ++i) box.retry(row(vhost, "q", std::to_string(i)));
  }));
  EXPECT_LT(seconds_to_drain(running, Milliseconds{30'000}), 10) << "it waited for confirms that had come";
  EXPECT_EQ(rows(), "0");
  EXPECT_EQ(listener.await(50).size(), 50U);
}

TEST_F(RelayTest, DrainDoesNotWaitForADatabaseThatIsAway) {
  testing::Listener listener(broker.as_admin(vhost), "q");
  auto& running = start();
  ASSERT_TRUE(eventually([&] { return running.broker_reachable(); }));
  auto due = commit([&](Outbox& box) { box.retry(row(vhost, "q", "confirmed, and not deleted")); });
  database.allow_connections(false);
  database.terminate_backends();
  running.hand_over(std::move(due));
  EXPECT_EQ(listener.await(1).size(), 1U);
  EXPECT_LT(seconds_to_drain(running, Milliseconds{30'000}), 10);
  database.allow_connections(true);
  EXPECT_NE(rows(), "0") << "what could not be settled is somebody else's now";
}

TEST_F(RelayTest, ItsClockFollowsTheDatabasesAndATestsAdvance) {
  SystemClock wrong;
  wrong.follow(from_unix_seconds(1'000'000'000));
  loop::LoopThread own_loop;
  RelayOptions options;
  options.database_url = database.url("runtime");
  options.publisher.broker = parameters;
  options.clock = &wrong;
  options.test_clock = true;
  Relay following(own_loop.loop(), options, wrong, ids);
  following.start();
  const auto ahead = [&] {
    db::Connection own(database.url("runtime"), "test");
    return wrong.now() - db::read_platform_time(own, false);
  };
  EXPECT_TRUE(eventually([&] { return std::chrono::abs(ahead()) < Seconds{1}; }));
  db::Session owner(database.url("owner"), "test");
  db::advance_clock(owner, Days{14});
  EXPECT_TRUE(eventually([&] { return std::chrono::abs(ahead() - Days{14}) < Seconds{1}; }));
  following.drain(Milliseconds{5'000});
  own_loop.stop();
}

TEST_F(RelayTest, TwoRelaysPublishEachOrphanOnce) {
  testing::Listener listener(broker.as_admin(vhost), "q");
  std::vector<OutboxRow> many;
  for (int i = 0; i < 300; ++i) many.push_back(row(vhost, "q", std::to_string(i)));
  orphan(many);
  start();
  loop::LoopThread other_loop;
  RelayOptions options;
  options.database_url = database.url("runtime");
  options.publisher.broker = parameters;
  Relay other(other_loop.loop(), options, clock, ids);
  other.start();
  EXPECT_TRUE(empty()) << rows();
  EXPECT_EQ(listener.await(300).size(), 300U);
  other.drain(Milliseconds{5'000});
  other_loop.stop();
}

}  // namespace
}  // namespace tenantry::messaging::outbox_relay_test
