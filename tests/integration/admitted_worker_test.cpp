// Goal: one more worker takes its role and one call of platform.admit_worker, and may do what a worker does and no more
// (docs/adding-a-worker.md).
// Method: a worker of the test's own with a role of its own, on a lane.
#include <gtest/gtest.h>

#include "events/proto_time.h"
#include "shared/db/role_check.h"
#include "tenantry/events/v1/usage.pb.h"
#include "tests/integration/lane_harness.h"

namespace tenantry::admitted_worker_test {
namespace {

namespace v1 = events::v1;
using testing::TestDatabase;

// Welcomes whoever is activated, which it tells as a threshold: that type is admitted. Whoever was abusing is refused.
class Welcomer final : public messaging::Worker {
 public:
  std::span<const messaging::ConsumerRow> consumes() const override { return rows_; }

 private:
  Result<void> activated(messaging::Unit& unit, const events::Event& event, const v1::TenantActivated& message) {
    if (message.reason() == "abuse") return Error{.code = Errc::invalid, .message = "nobody is welcome after that"};
    v1::UsageThresholdReached said;
    said.set_metric("welcomes");
    said.set_percent(80);
    said.set_quantity(1);
    *said.mutable_period_start() = events::to_proto(unit.now);
    unit.outbox.publish(event.tenant_id, said);
    return {};
  }
  const std::vector<messaging::ConsumerRow> rows_ = {messaging::on<v1::TenantActivated>(this, &Welcomer::activated)};
};

class AdmittedWorker : public ::testing::Test {
 protected:
  void SetUp() override {
    name = "welcome";  // a role is the whole cluster's: letters are all a worker's name may have
    for (const char c : testing::random_name("")) name += static_cast<char>('a' + (c % 26 + 26) % 26);
    role = "tenantry_" + name;
    const auto known = database.url("metering");
    const auto at = known.find("tenantry_metering:");
    ASSERT_NE(at, known.npos);
    const auto password_at = at + std::string_view("tenantry_metering:").size();
    const auto password = known.substr(password_at, known.find('@', password_at) - password_at);
    url = known.substr(0, at) + role + ":" + password + known.substr(known.find('@', password_at));
    database.exec("superuser", "CREATE ROLE " + role + " LOGIN PASSWORD '" + password + "'");
    database.exec("owner", "SELECT platform.admit_worker($1, ARRAY['usage.threshold_reached'])", {name});
    database.add_tenant("acme");
    spec = {.name = name, .database_url = url, .make = [](const messaging::LaneContext&) {
              return std::make_unique<Welcomer>();
            }};
  }
  void TearDown() override {
    lane.reset();
    database.exec("superuser", "DROP OWNED BY " + role);
    database.exec("superuser", "DROP ROLE " + role);
  }

  void handle(const char* reason) {
    lane = std::make_unique<messaging::Lane>(spec, 0, clock, ids, recorder.hooks());
    lane->start();
    v1::TenantActivated message;
    message.set_reason(reason);
    message.set_from_status("trial");
    lane->push({testing::arrival_of(testing::event_of("acme", message, ids, clock.now()))});
    ASSERT_EQ(recorder.await_settled(1), 1u);
  }

  TestDatabase database;
  ManualClock clock{from_unix_seconds(1'800'000'000)};
  SystemIdGenerator ids{clock};
  testing::Recorder recorder;
  std::string name, role, url;
  messaging::WorkerSpec spec;
  std::unique_ptr<messaging::Lane> lane;
};

TEST_F(AdmittedWorker, TakesEventsOnceAndSaysItsOwn) {
  EXPECT_TRUE(db::check_role(url, role));
  handle("payment");
  EXPECT_EQ(database.value("SELECT count(*) FROM messaging.inbox WHERE worker = $1", {name}), "1");
  EXPECT_EQ(database.value("SELECT string_agg(type, ' ') FROM messaging.outbox"), "usage.threshold_reached");
}

TEST_F(AdmittedWorker, SetsAsideWhatItCannotTake) {
  handle("abuse");
  EXPECT_EQ(database.value("SELECT worker || ' ' || reason FROM messaging.dead_letters"), name + " invalid");
}

TEST_F(AdmittedWorker, SaysNothingThatIsNotItsToSay) {
  db::Connection connection(url, "test");
  for (const char* type : {"payment.succeeded", "tenant.deleted"}) {
    db::Transaction tx(connection);
    EXPECT_ANY_THROW(
        tx.exec("INSERT INTO messaging.outbox (id, tenant_id, vhost, exchange, routing_key, type, content_type, "
                "headers, payload, "
                "available_at, created_at) VALUES (gen_random_uuid(), 'acme', 'tenant-acme', 'acme.events', $1, $1, "
                "'application/json', '{}', '{}', now(), now())",
                {type}))
        << type;
  }
}

TEST_F(AdmittedWorker, SeesAndChangesNothingElse) {
  db::Connection connection(url, "test");
  for (const char* sql :
       {"SELECT 1 FROM billing.accounts", "SELECT 1 FROM audit.records", "SELECT 1 FROM platform.users",
        "SELECT 1 FROM platform.tenant_keys", "UPDATE platform.tenants SET status = 'active'",
        "DELETE FROM messaging.inbox", "SELECT 1 FROM tenant_data.clients"}) {
    db::Transaction tx(connection);
    EXPECT_ANY_THROW(tx.exec(sql)) << sql;
  }
}

TEST_F(AdmittedWorker, IsCalledByAWord) {
  EXPECT_ANY_THROW(database.exec("owner", "SELECT platform.admit_worker('x; DROP', '{}')"));
}

}  // namespace
}  // namespace tenantry::admitted_worker_test
