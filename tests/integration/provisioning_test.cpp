// Goal: a tenant's resources are made and released step by step, whatever is repeated or
// fails in between.
// Method: the worker on a lane against the real broker; the test plays the relay for the
// saga's own timers, on a clock it moves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <nlohmann/json.hpp>

#include "events/proto_time.h"
#include "shared/crypto/broker_password.h"
#include "shared/crypto/envelope.h"
#include "shared/crypto/hash.h"
#include "shared/db/run.h"
#include "shared/http/client.h"
#include "shared/tenancy/tenants.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "tests/integration/lane_harness.h"
#include "workers/provisioning/store.h"
#include "workers/provisioning/worker.h"

namespace tenantry::provisioning::provisioning_test {
namespace {

using testing::must;
using testing::TestBroker;
using testing::TestDatabase;

class ProvisioningTest : public ::testing::Test {
 protected:
  void SetUp() override {
    broker.ensure_platform();
    tenant = broker.reserve_tenant();
    config = {.database_url = database.url("provisioning"),
              .broker_admin_url = testing::required_variable("TENANTRY_TEST_MANAGEMENT_URL"),
              .master_keys = {.current = to_base64(crypto::random_bytes(32))},
              .queue_type = "classic"};
    const auto key = crypto::DataKey::generate(1);
    db::Connection signup(database.url("signup"), "test");
    must(db::run(signup, {}, [&](db::Transaction& tx) -> Result<void> {
      const std::string plan{tx.exec("SELECT plan FROM platform.plans LIMIT 1")[0].text(0)};
      must(tenancy::create_tenant(tx, {.company_name = tenant, .company_email = "a@acme.test", .plan = plan}, ids,
                                  clock.now()));
      tx.exec("INSERT INTO platform.tenant_keys VALUES ($1, 1, $2, $3)",
              {tenant, key.wrap(*crypto::MasterKey::from_base64(config.master_keys.current), tenant), clock.now()});
      return {};
    }));
  }

  void start(Registry registry = standard_registry()) {
    lane = std::make_unique<messaging::Lane>(worker_spec(config, {}, std::move(registry)), 0, clock, ids,
                                             recorder.hooks());
    lane->start();
  }

  // What every tenant has, and one step more: a note that it was there, which is all that is to be seen of it.
  Registry with_a_step_more() {
    auto registry = standard_registry();
    registry.made.push_back({.name = "search_index",
                             .ensure = [](Tools& tools, const Target& target) -> Result<void> {
                               return tools.remember(target.tenant_id, "search index", "of " + target.tenant_id);
                             },
                             .remove = [](Tools& tools, const Target& target) -> Result<void> {
                               return tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
                                 forget_resource(tx, target.tenant_id, "search index");
                                 return {};
                               });
                             },
                             .verify = [](Tools& tools, const Target& target) -> Result<bool> {
                               bool there = false;
                               must(tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
                                 there = !resources_of(tx, target.tenant_id, "search index").empty();
                                 return {};
                               }));
                               return there;
                             }});
    return registry;
  }
  std::string search_indexes() {
    return database.value("SELECT count(*)::text FROM provisioning.resources WHERE kind = 'search index'");
  }
  void ask_again() { handle(testing::event_of(tenant, events::v1::ProvisioningRequested(), ids, clock.now())); }
  // What a reconciliation told of: the steps that had been missing.
  nlohmann::json reconciled() {
    const auto rows = database.exec("superuser",
                                    "DELETE FROM messaging.outbox WHERE type = 'provisioning.reconciled' "
                                    "RETURNING payload");
    if (rows.size() != 1) return nullptr;
    events::v1::ProvisioningReconciled message;
    const auto payload = rows[0].bytes(0);
    EXPECT_TRUE(message.ParseFromArray(payload.data(), static_cast<int>(payload.size())));
    nlohmann::json made = nlohmann::json::array();
    for (const auto& step : message.made()) made.push_back(step);
    return made;
  }

  void handle(const events::Event& event) {
    auto arrival = testing::arrival_of(event);
    arrival.incoming.vhost = "platform";
    lane->push({arrival});
    ++pushed;
    ASSERT_EQ(recorder.await_settled(pushed), pushed);
  }

  events::Event registered() {
    events::v1::TenantRegistered message;
    message.set_company_name("Acme");
    message.set_plan("TRIAL");
    message.set_owner_user_id(ids.next().to_string());
    message.set_owner_email("a@acme.test");
    *message.mutable_trial_ends_at() = events::to_proto(clock.now() + Days{14});
    return testing::event_of(tenant, message, ids, clock.now());
  }

  // Plays the relay: the next event of the saga, when the clock has come to it. False: none is there.
  bool next_step() { return next("provisioning.step_due"); }
  bool next(const char* type) {
    const auto rows = database.exec("superuser",
                                    "DELETE FROM messaging.outbox WHERE type = $1 RETURNING id, "
                                    "type, content_type, payload, available_at",
                                    {type});
    if (rows.empty()) return false;
    events::Event event;
    event.id = rows[0].uuid(0);
    event.type = rows[0].text(1);
    event.tenant_id = tenant;
    event.content_type = rows[0].text(2);
    const auto payload = rows[0].bytes(3);
    event.payload.assign(payload.begin(), payload.end());
    event.time = rows[0].timestamp(4);
    must(events::parse_payload(event));
    clock.set(std::max(clock.now(), event.time));
    handle(event);
    return true;
  }
  int run_saga(int steps_max = 30) {
    int steps = 0;
    while (steps < steps_max && next_step()) ++steps;
    return steps;
  }

  std::string steps(const std::string& saga = "provision") {
    return database.value("SELECT string_agg(DISTINCT state, ' ') FROM provisioning.steps WHERE saga = $1", {saga});
  }
  std::string published() {
    return database.value(
        "SELECT coalesce(string_agg(DISTINCT type, ' ' ORDER BY type), '') FROM messaging.outbox WHERE "
        "type LIKE 'tenant.%'");
  }
  std::string flags() {
    return database.value(
        "SELECT concat_ws(' ', CASE WHEN vhost_ready THEN 'ready' END, CASE WHEN provisioning_failed THEN "
        "'failed' END) FROM platform.tenants");
  }
  std::string saga(const std::string& name = "provision") {
    return database.value("SELECT state FROM provisioning.sagas WHERE saga = $1", {name});
  }
  bool has_vhost() { return must(broker.admin().has_vhost(events::vhost_of(tenant))); }

  amqp::ConnectionParameters application() {
    const std::string password = "a password of the test";
    must(broker.admin().ensure_user(events::application_user(tenant), password));
    auto parameters = broker.publisher();
    parameters.user = events::application_user(tenant);
    parameters.password = password;
    parameters.vhost = events::vhost_of(tenant);
    return parameters;
  }

  // What the gateway does: rows, and an event.
  void as_gateway(const char* sql, std::initializer_list<db::Param> params) {
    db::Connection gateway(database.url("gateway"), "test");
    must(db::run(gateway, {}, [&](db::Transaction& tx) -> Result<void> {
      tx.set_tenant(tenant);
      tx.exec(sql, params);
      return {};
    }));
  }
  events::Event rotated(int number) {
    events::v1::BrokerAccessRotated message;
    message.set_user(events::application_user(tenant, number));
    message.set_replaces(events::application_user(tenant, number - 1));
    return testing::event_of(tenant, message, ids, clock.now());
  }
  void add_login(int number) {
    as_gateway(
        "INSERT INTO provisioning.broker_users (tenant_id, number, password_hash, created_at) VALUES ($1, $2, $3, $4)",
        {tenant, number, crypto::broker_password_hash(password_of(number), {1, 2, 3, 4}), clock.now()});
  }
  void rotate(int number) {
    add_login(number);
    handle(rotated(number));
  }
  static std::string password_of(int number) { return "password " + std::to_string(number); }
  amqp::ConnectionParameters login(int number) {
    if (number == 1) return application();
    auto parameters = broker.publisher();
    parameters.user = events::application_user(tenant, number);
    parameters.password = password_of(number);
    parameters.vhost = events::vhost_of(tenant);
    return parameters;
  }
  // Whether a login is let in, and may do what applications do.
  bool works(int number) {
    return testing::try_publish(login(number), events::application_exchange(tenant), "order.created").empty();
  }
  bool is_known(int number) { return ask_broker("users/" + events::application_user(tenant, number)).status == 200; }
  std::string logins() {
    return database.value(
        "SELECT coalesce(string_agg(number::text, ' ' ORDER BY number), '') FROM provisioning.broker_users");
  }
  std::string ends() {
    return database.value(
        "SELECT coalesce(string_agg(convert_from(payload, 'UTF8'), ' '), '') FROM messaging.outbox WHERE "
        "type = 'tenant.broker_access_ended'");
  }
  std::string access_changes() {
    return database.value(
        "SELECT count(*) FILTER (WHERE locked) || ' locked, ' || count(*) FILTER (WHERE NOT locked) || ' let in' FROM "
        "(SELECT convert_from(payload, 'UTF8')::json ->> 'locked' = 'true' AS locked FROM messaging.outbox "
        "WHERE type = 'tenant.access_changed') AS changes");
  }
  void provision() {
    start();
    handle(registered());
    run_saga();
  }
  void set_status(const char* status) {
    database.exec("superuser", "UPDATE platform.tenants SET status = $1", {status});
  }
  void suspend() {
    events::v1::TenantSuspended suspended;
    suspended.set_reason("payment_failed");
    suspended.set_from_status("active");
    set_status("suspended");
    handle(testing::event_of(tenant, suspended, ids, clock.now()));
  }
  void add_queue(const char* name, const char* own, const char* platform) {
    as_gateway(
        "INSERT INTO provisioning.broker_queues (tenant_id, name, own_events, platform_events, state, created_at) "
        "VALUES ($1, $2, string_to_array($3, ' '), string_to_array($4, ' '), 'pending', $5)",
        {tenant, name, own, platform, clock.now()});
    events::v1::BrokerQueueCreated created;
    created.set_queue(events::application_queue(tenant, name));
    handle(testing::event_of(tenant, created, ids, clock.now()));
  }
  bool has_queue(const char* name) {
    return ask_broker("queues/" + events::vhost_of(tenant) + "/" + events::application_queue(tenant, name)).status ==
           200;
  }

  // Why the tenant's own login cannot publish; "" when it can.
  std::string try_as_application(const std::string& exchange, const std::string& key = "usage.recorded") {
    return testing::try_publish(application(), exchange, key);
  }

  http::ClientResponse ask_broker(const std::string& path) {
    return must(http_client.perform({.url = config.broker_admin_url + "/api/" + path}));
  }

  // The broker ends a request with its connection. False: it was faster or slower in all the tries.
  bool leave_the_vhost_half_made() {
    const auto path = "vhosts/" + events::vhost_of(tenant);
    for (int i = 0; i < 1'000; ++i) {
      http::ClientRequest make{.method = "PUT", .url = config.broker_admin_url + "/api/" + path};
      make.timeout = Milliseconds{1 + i % 100};
      (void)http_client.perform(make);
      const auto state = nlohmann::json::parse(ask_broker(path).body);
      if (!state.contains("cluster_state")) continue;
      for (const auto& is : state["cluster_state"]) {
        if (is != "running") return true;
      }
      must(broker.admin().remove_vhost(events::vhost_of(tenant)));
    }
    return false;
  }

  ManualClock clock{from_unix_seconds(1'800'000'000)};
  SystemIdGenerator ids{clock};
  TestDatabase database;
  TestBroker broker;
  std::string tenant;
  ProvisioningConfig config;
  testing::Recorder recorder;
  std::size_t pushed = 0;
  std::unique_ptr<messaging::Lane> lane;
  http::HttpClient http_client;
};

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

class ApplicationTest : public ProvisioningTest {
 protected:
  void SetUp() override {
    ProvisioningTest::SetUp();
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
}  // namespace tenantry::provisioning::provisioning_test
