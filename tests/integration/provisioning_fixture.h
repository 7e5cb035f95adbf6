// A tenant on its way through provisioning: the worker on a lane against the real broker. The test plays the relay for
// the saga's own timers, on a clock it moves, and the gateway.
#pragma once

#include <gtest/gtest.h>

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

namespace tenantry::provisioning {

class ProvisioningFixture : public ::testing::Test {
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
    testing::must(db::run(signup, {}, [&](db::Transaction& tx) -> Result<void> {
      const std::string plan{tx.exec("SELECT plan FROM platform.plans LIMIT 1")[0].text(0)};
      testing::must(tenancy::create_tenant(tx, {.company_name = tenant, .company_email = "a@acme.test", .plan = plan},
                                           ids, clock.now()));
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
                               testing::must(tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
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
    testing::must(events::parse_payload(event));
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
  bool has_vhost() { return testing::must(broker.admin().has_vhost(events::vhost_of(tenant))); }

  amqp::ConnectionParameters application() {
    const std::string password = "a password of the test";
    testing::must(broker.admin().ensure_user(events::application_user(tenant), password));
    auto parameters = broker.publisher();
    parameters.user = events::application_user(tenant);
    parameters.password = password;
    parameters.vhost = events::vhost_of(tenant);
    return parameters;
  }

  // What the gateway does: rows, and an event.
  void as_gateway(const char* sql, std::initializer_list<db::Param> params) {
    db::Connection gateway(database.url("gateway"), "test");
    testing::must(db::run(gateway, {}, [&](db::Transaction& tx) -> Result<void> {
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
    return testing::must(http_client.perform({.url = config.broker_admin_url + "/api/" + path}));
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
      testing::must(broker.admin().remove_vhost(events::vhost_of(tenant)));
    }
    return false;
  }

  ManualClock clock{from_unix_seconds(1'800'000'000)};
  SystemIdGenerator ids{clock};
  testing::TestDatabase database;
  testing::TestBroker broker;
  std::string tenant;
  ProvisioningConfig config;
  testing::Recorder recorder;
  std::size_t pushed = 0;
  std::unique_ptr<messaging::Lane> lane;
  http::HttpClient http_client;
};

}  // namespace tenantry::provisioning
