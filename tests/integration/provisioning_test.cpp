// Goal: a tenant's resources are made and released step by step, whatever is repeated or
// fails in between.
// Method: the worker on a lane against the real broker; the test plays the relay for the
// saga's own timers, on a clock it moves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/integration/provisioning_fixture.h"

namespace tenantry::provisioning::provisioning_test {
namespace {

using testing::must;
using testing::TestBroker;

class ProvisioningTest : public ProvisioningFixture {};

TEST_F(ProvisioningTest, TenantGetsEveryResourceAndItsApplicationMayPublishToItsOwnExchangeOnly) {
  start();
  handle(registered());
  EXPECT_EQ(run_saga(), 1);
  EXPECT_EQ(saga(), "done");
  EXPECT_EQ(steps(), "done");
  EXPECT_EQ(flags(), "ready");
  EXPECT_EQ(published(), "tenant.provisioned");
  EXPECT_EQ(database.value("SELECT string_agg(kind, ', ' ORDER BY kind) FROM provisioning.resources"),
            "broker user, data store, vhost");
  EXPECT_EQ(database.value("SELECT count(*)::text FROM tenant_data.stores"), "1");
  EXPECT_EQ(database.value("SELECT string_agg(DISTINCT vhost, ' ') FROM messaging.outbox WHERE type LIKE 'tenant.%'"),
            events::vhost_of(tenant));

  EXPECT_EQ(try_as_application(events::application_exchange(tenant)), "");
  EXPECT_EQ(try_as_application(events::events_exchange(tenant)), "403");
  EXPECT_EQ(try_as_application("", events::queue_of(tenant, "billing")), "403");
}

TEST_F(ProvisioningTest, EveryStepMayBeRepeated) {
  start();
  handle(registered());
  run_saga();
  const auto hash = database.value("SELECT password_hash FROM provisioning.broker_users");
  for (int again = 0; again < 2; ++again) {
    handle(registered());
    EXPECT_EQ(run_saga(), 1);
    EXPECT_EQ(steps(), "done");
    EXPECT_EQ(flags(), "ready");
  }
  EXPECT_EQ(database.value("SELECT password_hash FROM provisioning.broker_users"), hash);
  EXPECT_EQ(database.value("SELECT count(*)::text FROM provisioning.resources"), "3");
}

TEST_F(ProvisioningTest, AVhostThatWasLeftHalfMadeIsMadeAgain) {
  ASSERT_TRUE(leave_the_vhost_half_made());
  start();
  handle(registered());
  EXPECT_EQ(run_saga(), 1);
  EXPECT_EQ(flags(), "ready");
  EXPECT_EQ(ask_broker("exchanges/" + events::vhost_of(tenant) + "/amq.default").status, 200);
  EXPECT_EQ(try_as_application(events::application_exchange(tenant)), "");
}

// RabbitMQ gives its maker a permission on a vhost last of all: one that was cut off before has none.
TEST_F(ProvisioningTest, AVhostThatItsMakerMayNotUseIsProvisioned) {
  const auto vhost = events::vhost_of(tenant);
  must(broker.admin().ensure_vhost(vhost, "cut off"));
  const auto& admin = config.broker_admin_url;
  const auto from = admin.find("//") + 2;
  const auto user = admin.substr(from, admin.find(':', from) - from);
  const auto path = "/api/permissions/" + vhost + "/" + user;
  ASSERT_EQ(must(http_client.perform({.method = "DELETE", .url = admin + path})).status, 204);
  start();
  handle(registered());
  EXPECT_EQ(run_saga(), 1);
  EXPECT_EQ(flags(), "ready");
}

TEST_F(ProvisioningTest, HopelessStepIsTakenBackAndCanBeAskedForAgain) {
  config.queue_type = "no such type";
  start();
  handle(registered());
  EXPECT_EQ(run_saga(), 1);
  EXPECT_EQ(saga(), "failed");
  EXPECT_EQ(steps(), "removed");
  EXPECT_EQ(flags(), "failed");
  EXPECT_EQ(published(), "tenant.provisioning_failed");
  EXPECT_FALSE(has_vhost());
  EXPECT_EQ(database.value("SELECT count(*)::text FROM provisioning.resources"), "0");
  EXPECT_EQ(database.value("SELECT count(*)::text FROM tenant_data.stores"), "0");

  config.queue_type = "classic";
  start();
  handle(testing::event_of(tenant, events::v1::ProvisioningRequested(), ids, clock.now()));
  run_saga();
  EXPECT_EQ(saga(), "done");
  EXPECT_EQ(flags(), "ready");
}

TEST_F(ProvisioningTest, BrokerThatStaysAwayIsTriedAgainAndThenGivenUp) {
  config.broker_admin_url = testing::with_endpoint(config.broker_admin_url + "/", {"127.0.0.1", 1});
  config.broker_admin_url.pop_back();
  start();
  handle(registered());
  ASSERT_TRUE(next_step());
  EXPECT_EQ(saga(), "running");
  EXPECT_EQ(flags(), "");
  run_saga(10);
  EXPECT_EQ(flags(), "failed");
  EXPECT_EQ(published(), "tenant.provisioning_failed");
  EXPECT_FALSE(has_vhost());
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.dead_letters"), "0");
}

TEST_F(ProvisioningTest, BrokerThatComesBackInTimeIsProvisioned) {
  const auto good = config.broker_admin_url;
  config.broker_admin_url = testing::with_endpoint(good + "/", {"127.0.0.1", 1});
  config.broker_admin_url.pop_back();
  start();
  handle(registered());
  ASSERT_TRUE(next_step());
  ASSERT_TRUE(next_step());
  config.broker_admin_url = good;
  start();
  run_saga();
  EXPECT_EQ(saga(), "done");
  EXPECT_TRUE(has_vhost());
}

TEST_F(ProvisioningTest, AStepMoreIsTakenByWhoeverComesAndGoesWithItsTenant) {
  start(with_a_step_more());
  handle(registered());
  run_saga();
  EXPECT_EQ(saga(), "done");
  EXPECT_EQ(search_indexes(), "1");
  EXPECT_EQ(database.value("SELECT max(position)::text FROM provisioning.steps"), "7");

  config.queue_type = "no such type";  // a step before it is hopeless: what there is of the last is taken back, too
  database.exec("superuser", "UPDATE platform.tenants SET vhost_ready = false");
  must(broker.admin().remove_vhost(events::vhost_of(tenant)));  // queues that are there would be left as they are
  start(with_a_step_more());
  handle(registered());
  run_saga();
  EXPECT_EQ(saga(), "failed");
  EXPECT_EQ(search_indexes(), "0");
}

TEST_F(ProvisioningTest, TenantsThatWereThereGetANewStepByReconciliation) {
  start();
  handle(registered());
  run_saga();
  ask_again();
  run_saga();
  EXPECT_EQ(saga("reconcile"), "done");
  EXPECT_EQ(reconciled(), nlohmann::json::array()) << "nothing was missing";

  start(with_a_step_more());
  ask_again();
  run_saga();
  EXPECT_EQ(search_indexes(), "1");
  EXPECT_EQ(reconciled(), nlohmann::json({"search_index"}));
  EXPECT_EQ(saga(), "done") << "how it was provisioned is as it was";
}

TEST_F(ProvisioningTest, WhatGotLostIsMadeAgain) {
  start();
  handle(registered());
  run_saga();
  must(broker.admin().remove_vhost(events::vhost_of(tenant)));
  database.exec("superuser", "DELETE FROM tenant_data.stores");
  ask_again();
  run_saga();
  EXPECT_EQ(reconciled(), nlohmann::json({"broker_vhost", "data_store"}));
  EXPECT_TRUE(has_vhost());
  EXPECT_EQ(try_as_application(events::application_exchange(tenant)), "");
  EXPECT_EQ(database.value("SELECT count(*)::text FROM tenant_data.stores"), "1");
}

TEST_F(ProvisioningTest, AReconciliationLetsNoSuspendedTenantsApplicationsIn) {
  start();
  handle(registered());
  run_saga();
  database.exec("superuser", "UPDATE platform.tenants SET status = 'suspended'");
  events::v1::TenantSuspended suspended;
  suspended.set_reason("payment_failed");
  suspended.set_from_status("active");
  handle(testing::event_of(tenant, suspended, ids, clock.now()));
  const auto locked = try_as_application(events::application_exchange(tenant));
  EXPECT_NE(locked, "");
  ask_again();
  run_saga();
  EXPECT_EQ(saga("reconcile"), "done");
  EXPECT_EQ(try_as_application(events::application_exchange(tenant)), locked);
}

TEST_F(ProvisioningTest, AReconciliationOfADeletedTenantMakesNothing) {
  start();
  handle(registered());
  run_saga();
  ask_again();  // and before its turn comes, the tenant is deleted
  database.exec("superuser", "UPDATE platform.tenants SET status = 'cancelled', deletion_due_at = $1", {clock.now()});
  const auto due = database.exec("superuser",
                                 "UPDATE messaging.outbox SET type = 'kept' WHERE type = 'provisioning.step_due' "
                                 "RETURNING 1");
  ASSERT_EQ(due.size(), 1u);
  events::v1::TenantDeletionDue message;
  *message.mutable_cancelled_at() = events::to_proto(clock.now() - Days{30});
  handle(testing::event_of(tenant, message, ids, clock.now()));
  EXPECT_EQ(saga("reconcile"), "done");
  must(broker.admin().remove_vhost(events::vhost_of(tenant)));
  database.exec("superuser", "DELETE FROM messaging.outbox WHERE type = 'provisioning.step_due'");
  database.exec("superuser", "UPDATE messaging.outbox SET type = 'provisioning.step_due' WHERE type = 'kept'");
  ASSERT_TRUE(next_step());
  EXPECT_FALSE(has_vhost());
  ask_again();
  EXPECT_FALSE(next_step());
}

TEST_F(ProvisioningTest, AStepOfAnotherVersionIsPassedOver) {
  start(with_a_step_more());
  const auto away = config.broker_admin_url;
  config.broker_admin_url = testing::with_endpoint(away + "/", {"127.0.0.1", 1});
  config.broker_admin_url.pop_back();
  start(with_a_step_more());
  handle(registered());
  ASSERT_TRUE(next_step());
  EXPECT_EQ(saga(), "running");
  config.broker_admin_url = away;

  // The next process is older: it knows nothing of the last step, and comes to the end all the same.
  start();
  run_saga();
  EXPECT_EQ(saga(), "done");
  EXPECT_EQ(flags(), "ready");
  EXPECT_EQ(database.value("SELECT state FROM provisioning.steps WHERE step = 'search_index'"), "pending");
}

TEST_F(ProvisioningTest, ASagaThatAnOlderVersionStartedTakesTheNewStep) {
  const auto away = config.broker_admin_url;
  config.broker_admin_url = testing::with_endpoint(away + "/", {"127.0.0.1", 1});
  config.broker_admin_url.pop_back();
  start();
  handle(registered());
  ASSERT_TRUE(next_step());
  config.broker_admin_url = away;
  start(with_a_step_more());
  run_saga();
  EXPECT_EQ(saga(), "done");
  EXPECT_EQ(search_indexes(), "1");
}

TEST_F(ProvisioningTest, ACrashAfterTheStepsSwallowsNoneOfTheirEvents) {
  start();
  handle(registered());
  database.exec("superuser",
                "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$");
  database.exec("superuser",
                "CREATE TRIGGER fail BEFORE INSERT ON messaging.outbox FOR EACH ROW WHEN (NEW.type = "
                "'provisioning.step_completed') EXECUTE FUNCTION public.fail()");
  ASSERT_TRUE(next_step());
  EXPECT_EQ(steps(), "done");
  EXPECT_EQ(saga(), "running") << "what the steps came to was rolled back";
  database.exec("superuser", "DROP TRIGGER fail ON messaging.outbox");
  run_saga();
  EXPECT_EQ(saga(), "done");
  EXPECT_EQ(database.value("SELECT count(*) FROM messaging.outbox WHERE type = 'provisioning.step_completed'"),
            database.value("SELECT count(*) FROM provisioning.steps"));
}

TEST_F(ProvisioningTest, ReleaseWaitsForEveryWorkerAndThenNothingIsLeft) {
  start();
  handle(registered());
  run_saga();
  database.exec("superuser", "DELETE FROM messaging.outbox");
  database.exec("superuser", "UPDATE platform.tenants SET status = 'cancelled', deletion_due_at = $1", {clock.now()});
  events::v1::TenantDeletionDue message;
  *message.mutable_cancelled_at() = events::to_proto(clock.now() - Days{30});
  handle(testing::event_of(tenant, message, ids, clock.now()));
  EXPECT_EQ(database.value("SELECT status FROM platform.tenants"), "deleted");

  // Closed once no older transaction of the cluster is open (other tests have some): the last event of the tenant's
  // queues is on its way into the vhost, and only there.
  ASSERT_TRUE(testing::eventually([&] {
    next_step();
    return database.value("SELECT count(*) FROM messaging.outbox WHERE type = 'tenant.stream_closed'") == "1";
  }));
  EXPECT_EQ(database.value("SELECT vhost FROM messaging.outbox WHERE type = 'tenant.stream_closed'"),
            events::vhost_of(tenant));
  const auto marker = database.value("SELECT id FROM messaging.outbox WHERE type = 'tenant.stream_closed'");
  database.exec("superuser", "DELETE FROM messaging.outbox WHERE type = 'tenant.stream_closed'");
  for (const auto worker : events::workers) {
    if (worker == "notification") continue;
    database.exec("superuser", "INSERT INTO messaging.inbox VALUES ($1, $2)", {marker, worker});
  }
  ASSERT_TRUE(next_step());
  ASSERT_TRUE(next_step());
  EXPECT_EQ(saga("release"), "running");
  EXPECT_TRUE(has_vhost()) << "notification has not heard the end yet";

  // The queues have come to their ends; what expired in them has queues of its own, with ends of their own.
  database.exec("superuser", "INSERT INTO messaging.inbox VALUES ($1, 'notification')", {marker});
  const auto last = "FROM messaging.outbox WHERE type = 'tenant.stream_closed'";
  ASSERT_TRUE(testing::eventually([&] {
    next_step();
    return database.value(std::string("SELECT string_agg(routing_key, ' ' ORDER BY routing_key) ") + last) ==
           tenant + ".audit.expired " + tenant + ".metering.expired";
  }));
  EXPECT_EQ(saga("release"), "running");
  const auto expired = database.value(std::string("SELECT DISTINCT id ") + last);
  EXPECT_NE(expired, marker);
  database.exec("superuser", std::string("DELETE ") + last);
  database.exec("superuser", "INSERT INTO messaging.inbox VALUES ($1, 'audit')", {expired});
  ASSERT_TRUE(next_step());
  EXPECT_EQ(saga("release"), "running");
  EXPECT_TRUE(has_vhost()) << "metering may still hold something that expired";

  database.exec("superuser", "INSERT INTO messaging.inbox VALUES ($1, 'metering')", {expired});
  run_saga();
  EXPECT_EQ(saga("release"), "done");
  EXPECT_FALSE(has_vhost());
  EXPECT_EQ(database.value("SELECT (SELECT count(*) FROM provisioning.resources) + (SELECT count(*) FROM "
                           "provisioning.broker_users) + (SELECT count(*) FROM tenant_data.stores)"),
            "0");
  // The marker is published again after some polls, and how many there were before is other tests' doing.
  database.exec("superuser", "DELETE FROM messaging.outbox WHERE type = 'tenant.stream_closed'");
  EXPECT_EQ(published(), "tenant.deleted");
}

TEST(Provisioning, OnlyWhatMayTakeMinutesIsSlow) {
  ManualClock clock{from_unix_seconds(1'800'000'000)};
  SystemIdGenerator ids{clock};
  const auto spec = worker_spec(ProvisioningConfig{}, {});
  const auto due = [&](const char* saga) {
    events::v1::ProvisioningStepDue message;
    message.set_saga(saga);
    return spec.slow(testing::event_of("acme", message, ids, clock.now()));
  };
  EXPECT_TRUE(due("release"));
  EXPECT_TRUE(due("reconcile"));
  EXPECT_FALSE(due("provision"));
  EXPECT_TRUE(spec.slow(testing::event_of("acme", events::v1::ErasureRequested{}, ids, clock.now())));
  EXPECT_FALSE(spec.slow(testing::event_of("acme", testing::activated(), ids, clock.now())));
}

// Timers are published by a relay with a clock of its own, and one of an earlier cancellation may come late.
TEST_F(ProvisioningTest, DeletionIsJudgedByTheTimersTimeWhateverOurClockSays) {
  start();
  handle(registered());
  run_saga();
  const auto due = clock.now() + Days{30};
  database.exec("superuser", "UPDATE platform.tenants SET status = 'cancelled', deletion_due_at = $1", {due});
  events::v1::TenantDeletionDue message;
  *message.mutable_cancelled_at() = events::to_proto(clock.now());
  const auto status = [this] { return database.value("SELECT status FROM platform.tenants"); };

  clock.set(due + Days{1});
  handle(testing::event_of(tenant, message, ids, due - Days{5}));
  EXPECT_EQ(status(), "cancelled") << "this timer was of a cancellation before this one";
  clock.set(due - Seconds{2});
  handle(testing::event_of(tenant, message, ids, due));
  EXPECT_EQ(status(), "deleted") << "our clock lags behind the relay's";
}

TEST_F(ProvisioningTest, SuspendedTenantsApplicationIsLockedOutUntilItPays) {
  start();
  handle(registered());
  run_saga();
  const auto exchange = events::application_exchange(tenant);
  std::promise<void> ready, closed;
  amqp::Handlers handlers;
  handlers.on_ready = [&] { ready.set_value(); };
  handlers.on_closed = [&](const amqp::CloseReason&) { closed.set_value(); };
  std::unique_ptr<amqp::Connection> connection;
  loop::LoopThread loop;
  loop.run_sync(
      [&] { connection = std::make_unique<amqp::Connection>(loop.loop(), application(), std::move(handlers)); });
  ASSERT_EQ(ready.get_future().wait_for(testing::patience), std::future_status::ready);
  events::v1::TenantSuspended suspended;
  suspended.set_reason("payment_failed");
  suspended.set_from_status("active");
  database.exec("superuser", "UPDATE platform.tenants SET status = 'suspended'");
  handle(testing::event_of(tenant, suspended, ids, clock.now()));
  EXPECT_EQ(closed.get_future().wait_for(testing::patience), std::future_status::ready);
  loop.run_sync([&] { connection.reset(); });
  EXPECT_NE(try_as_application(exchange), "");
  database.exec("superuser", "UPDATE platform.tenants SET status = 'active'");
  handle(testing::event_of(tenant, testing::activated(), ids, clock.now()));
  EXPECT_EQ(try_as_application(exchange), "");
}

// Whoever pays within the trial was never locked out.
TEST_F(ProvisioningTest, AccessIsSaidToChangeWhereItDoes) {
  provision();
  const auto activate_from = [&](const char* status) {
    auto activated = testing::activated();
    activated.set_from_status(status);
    set_status("active");
    handle(testing::event_of(tenant, activated, ids, clock.now()));
  };
  activate_from("TRIAL");
  EXPECT_EQ(access_changes(), "0 locked, 0 let in");
  suspend();
  EXPECT_EQ(access_changes(), "1 locked, 0 let in");
  events::v1::TenantCancelled cancelled;
  cancelled.set_reason("requested");
  cancelled.set_from_status("SUSPENDED");
  *cancelled.mutable_deletion_due_at() = events::to_proto(clock.now() + Days{30});
  set_status("cancelled");
  handle(testing::event_of(tenant, cancelled, ids, clock.now()));
  EXPECT_EQ(access_changes(), "1 locked, 0 let in");
  activate_from("CANCELLED");
  EXPECT_EQ(access_changes(), "1 locked, 1 let in");
}

}  // namespace
}  // namespace tenantry::provisioning::provisioning_test
