// Goal: an application's logins and queues are there for as long as they should, whatever is repeated, late or asked
// for again.
// Method: as provisioning_test.cpp, with applications that connect.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/integration/provisioning_fixture.h"

namespace tenantry::provisioning::application_access_test {
namespace {

using testing::must;
using testing::TestBroker;

// A connection that stays, and that the broker lists.
class Connected {
 public:
  Connected(TestBroker& broker, amqp::ConnectionParameters parameters) {
    const auto user = parameters.user;
    amqp::Handlers handlers;
    handlers.on_ready = [this] { ready_.set_value(); };
    handlers.on_closed = [this](const amqp::CloseReason&) { closed_.set_value(); };
    loop_.run_sync([&] {
      connection_ = std::make_unique<amqp::Connection>(loop_.loop(), std::move(parameters), std::move(handlers));
    });
    EXPECT_EQ(ready_.get_future().wait_for(testing::patience), std::future_status::ready);
    EXPECT_TRUE(testing::eventually([&] { return must(broker.admin().is_connected(user)); }));
  }
  ~Connected() {
    loop_.run_sync([&] { connection_.reset(); });
  }
  bool is_cut_off() { return closed_.get_future().wait_for(testing::patience) == std::future_status::ready; }

 private:
  std::promise<void> ready_, closed_;
  loop::LoopThread loop_;
  std::unique_ptr<amqp::Connection> connection_;
};

class ApplicationTest : public ProvisioningFixture {
 protected:
  void SetUp() override {
    ProvisioningFixture::SetUp();
    provision();
    set_status("active");
    (void)application();  // its first login has a password that the test knows
  }
};

TEST_F(ApplicationTest, TheFirstUseOfANewLoginEndsTheOldOne) {
  Connected old(broker, login(1));
  rotate(2);
  EXPECT_TRUE(works(2));
  EXPECT_TRUE(works(1));
  EXPECT_EQ(logins(), "1 2");
  Connected fresh(broker, login(2));
  // RabbitMQ may answer 500 to whoever closes a connection that is closing: then it is tried again.
  for (int tries = 0; logins() != "2" && tries < 5; ++tries) ASSERT_TRUE(next("provisioning.broker_due"));
  EXPECT_TRUE(old.is_cut_off());
  EXPECT_FALSE(works(1));
  EXPECT_TRUE(works(2));
  EXPECT_EQ(logins(), "2");
  EXPECT_THAT(ends(), ::testing::HasSubstr("replaced"));
  EXPECT_EQ(database.value("SELECT string_agg(name, ' ') FROM provisioning.resources WHERE kind = 'broker user'"),
            events::application_user(tenant, 2));
  EXPECT_FALSE(next("provisioning.broker_due")) << "there is nothing to look for any more";
}

TEST_F(ApplicationTest, AnOldLoginEndsAfterAnHourAndNotBefore) {
  rotate(2);
  const auto since = clock.now();
  clock.set(since + Seconds{3590});
  ASSERT_TRUE(next("provisioning.broker_due"));
  EXPECT_EQ(logins(), "1 2");
  ASSERT_TRUE(next("provisioning.broker_due"));
  EXPECT_EQ(clock.now(), since + Seconds{3600});
  EXPECT_EQ(logins(), "2");
  EXPECT_FALSE(is_known(1));
  EXPECT_THAT(ends(), ::testing::HasSubstr("expired"));
}

// The time is counted from when there was another that works.
TEST_F(ApplicationTest, AnOldLoginIsGoodUntilTheBrokerKnowsANewerOne) {
  const auto good = config.broker_admin_url;
  config.broker_admin_url = testing::with_endpoint(good + "/", {"127.0.0.1", 1});
  config.broker_admin_url.pop_back();
  start();
  rotate(2);
  ASSERT_TRUE(next("provisioning.broker_due"));
  clock.advance(Seconds{7200});
  ASSERT_TRUE(next("provisioning.broker_due"));
  EXPECT_EQ(logins(), "1 2");
  config.broker_admin_url = good;
  start();
  ASSERT_TRUE(next("provisioning.broker_due"));
  EXPECT_TRUE(works(1));
  EXPECT_TRUE(works(2));
}

TEST_F(ApplicationTest, WhateverComesAgainOrLateBringsNoEndedLoginBack) {
  const auto first = (add_login(2), rotated(2));
  handle(first);
  handle(rotated(2));
  Connected fresh(broker, login(2));
  const auto kept = database.value("SELECT password_hash FROM provisioning.broker_users WHERE number = 1");
  ASSERT_TRUE(next("provisioning.broker_due"));
  EXPECT_EQ(logins(), "2");
  handle(rotated(2));
  // As after a crash between what the broker was told and the rows.
  database.exec("superuser",
                "INSERT INTO provisioning.broker_users (tenant_id, number, password_hash, created_at, valid_at, ended) "
                "VALUES ($1, 1, $2, now(), now(), 'replaced')",
                {tenant, kept});
  handle(registered());
  run_saga();
  EXPECT_FALSE(is_known(1));
  handle(rotated(2));
  EXPECT_FALSE(is_known(1));
  EXPECT_EQ(logins(), "2");
  EXPECT_TRUE(works(2));
}

TEST_F(ApplicationTest, RotatedTwiceAllAreGoodUntilOneIsUsed) {
  rotate(2);
  rotate(3);
  EXPECT_TRUE(works(1));
  EXPECT_TRUE(works(2));
  EXPECT_TRUE(works(3));
  {
    Connected second(broker, login(2));
    ASSERT_TRUE(next("provisioning.broker_due"));
    EXPECT_EQ(logins(), "2 3") << "the first ends by the second's use; the third is not used yet";
  }
  Connected third(broker, login(3));
  ASSERT_TRUE(next("provisioning.broker_due"));
  EXPECT_EQ(logins(), "3");
}

TEST_F(ApplicationTest, ASuspendedTenantsNewLoginIsLockedOutLikeTheOld) {
  suspend();
  rotate(2);
  EXPECT_FALSE(works(1));
  EXPECT_FALSE(works(2));
  set_status("active");
  handle(testing::event_of(tenant, testing::activated(), ids, clock.now()));
  EXPECT_TRUE(works(1));
  EXPECT_TRUE(works(2));
  Connected both[] = {{broker, login(1)}, {broker, login(2)}};
  suspend();
  for (auto& each : both) EXPECT_TRUE(each.is_cut_off());
  EXPECT_FALSE(works(2));
}

TEST_F(ApplicationTest, ADeletedTenantsLoginsAndQueuesAreGone) {
  rotate(2);
  add_queue("orders", "order.*", "");
  database.exec("superuser", "DELETE FROM messaging.outbox");
  set_status("cancelled");
  database.exec("superuser", "UPDATE platform.tenants SET deletion_due_at = $1", {clock.now()});
  events::v1::TenantDeletionDue message;
  *message.mutable_cancelled_at() = events::to_proto(clock.now() - Days{30});
  handle(testing::event_of(tenant, message, ids, clock.now()));
  handle(rotated(2));  // late
  ASSERT_TRUE(testing::eventually([&] {
    next_step();
    for (const auto worker : events::workers) {
      database.exec("superuser",
                    "INSERT INTO messaging.inbox SELECT id, $1 FROM messaging.outbox WHERE type = "
                    "'tenant.stream_closed' ON CONFLICT DO NOTHING",
                    {worker});
    }
    database.exec("superuser", "DELETE FROM messaging.outbox WHERE type = 'tenant.stream_closed'");
    return saga("release") == "done";
  }));
  EXPECT_FALSE(is_known(1));
  EXPECT_FALSE(is_known(2));
  EXPECT_EQ(logins(), "");
  EXPECT_EQ(database.value("SELECT count(*)::text FROM provisioning.broker_queues"), "0");
  EXPECT_EQ(database.value("SELECT count(*)::text FROM provisioning.resources"), "0");
}

TEST_F(ApplicationTest, AQueueHearsWhatItIsBoundToAndIsReadByTheApplicationAlone) {
  add_queue("orders", "order.* paid", "tenant.activated");
  EXPECT_EQ(database.value("SELECT state FROM provisioning.broker_queues"), "ready");
  testing::Listener listener(application(), events::application_queue(tenant, "orders"), {}, false);
  ASSERT_EQ(testing::try_publish(application(), events::application_exchange(tenant), "order.created"), "");
  ASSERT_EQ(testing::try_publish(application(), events::application_exchange(tenant), "other.thing"), "");
  auto platform = broker.publisher();
  platform.vhost = events::vhost_of(tenant);
  ASSERT_EQ(testing::try_publish(platform, events::events_exchange(tenant), "tenant.suspended"), "");
  ASSERT_EQ(testing::try_publish(platform, events::events_exchange(tenant), "tenant.activated"), "");
  const auto heard = listener.await(2);
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_EQ(heard[0].routing_key, "order.created");
  EXPECT_EQ(heard[1].routing_key, "tenant.activated");
}

TEST_F(ApplicationTest, AQueueThatIsGoneStaysSoAndOthersAreMadeAgain) {
  add_queue("orders", "order.*", "");
  add_queue("kept", "#", "");
  as_gateway("UPDATE provisioning.broker_queues SET state = 'ending' WHERE name = $1", {"orders"});
  events::v1::BrokerQueueDeleted deleted;
  deleted.set_queue(events::application_queue(tenant, "orders"));
  handle(testing::event_of(tenant, deleted, ids, clock.now()));
  EXPECT_FALSE(has_queue("orders"));
  EXPECT_TRUE(has_queue("kept"));
  EXPECT_EQ(database.value("SELECT string_agg(name, ' ') FROM provisioning.broker_queues"), "kept");

  must(broker.admin().remove_queue(events::vhost_of(tenant), events::application_queue(tenant, "kept")));
  handle(registered());
  run_saga();
  EXPECT_TRUE(has_queue("kept"));
  EXPECT_FALSE(has_queue("orders"));
}

}  // namespace
}  // namespace tenantry::provisioning::application_access_test
