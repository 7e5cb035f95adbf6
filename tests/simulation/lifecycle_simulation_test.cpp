// Goal: whatever the order, duplicates and crashes, a set of facts leads to one state.
// Method: three companies live fifty days on one thread, for a hundred seeds of faults;
// what is left in the database must be what the same story leaves where nothing goes
// wrong, and the lifecycles what is written down here by hand.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "shared/telemetry/log.h"
#include "tests/simulation/world.h"

namespace tenantry::sim {
namespace {

using nlohmann::json;

constexpr Faults often{.crash = 0.01,
                       .connection_loss = 0.03,
                       .lost_ack = 0.03,
                       .lost_confirm = 0.05,
                       .duplicate = 0.05,
                       .management_away = 0.01,
                       .mail_away = 0.1};

json subscription(const std::string& tenant, const std::string& status) {
  return {{"id", "sub_" + tenant},
          {"object", "subscription"},
          {"customer", "cus_" + tenant},
          {"status", status},
          {"metadata", {{"tenant_id", tenant}}},
          {"items", {{"data", json::array({{{"price", {{"id", "price_starter"}}}, {"quantity", 1}}})}}}};
}

json invoice(const std::string& tenant, const std::string& id, bool paid) {
  return {{"id", id + "_" + tenant},
          {"object", "invoice"},
          {"customer", "cus_" + tenant},
          {"metadata", {{"tenant_id", tenant}}},
          {"currency", "eur"},
          {"amount_due", 4900},
          {"amount_paid", paid ? 4900 : 0},
          {"attempt_count", 1},
          {"status", paid ? "paid" : "open"},
          {"parent", {{"subscription_details", {{"subscription", "sub_" + tenant}, {"metadata", json::object()}}}}}};
}

struct Ending {
  std::string state;       // all that must be the same for every seed
  std::string lifecycles;  // of all tenants
  std::string wrong;       // what must be empty
  std::map<std::string, int> injected;
};

std::string lines(testing::TestDatabase& database, std::string_view sql) {
  std::string out;
  for (const auto row : database.exec("superuser", sql)) out += std::string(row.text(0)) + "\n";
  return out;
}

Ending end_of(World& world) {
  auto& database = world.database();
  Ending ending;
  ending.lifecycles = lines(
      database,
      "SELECT tenant_id || ': ' || string_agg(to_status, ' ' ORDER BY at) FROM platform.lifecycle_history GROUP BY "
      "tenant_id ORDER BY tenant_id");
  // Provisioning tells how often it had to try, and how long each try took: that does depend on the faults.
  ending.state = ending.lifecycles +
                 lines(database,
                       "SELECT tenant_id || ' ' || status || ' ' || plan || ' ' || vhost_ready FROM platform.tenants "
                       "ORDER BY tenant_id") +
                 lines(database,
                       "SELECT d.tenant_id || ' ' || template || ' ' || recipient || ' ' || state || ' ' || count(*) "
                       "FROM notification.deliveries d GROUP BY d.tenant_id, template, recipient, state ORDER BY 1") +
                 lines(database,
                       "SELECT tenant_id || ' ' || type || ' ' || count(*) FROM audit.records WHERE type NOT LIKE "
                       "'provisioning.%' GROUP BY tenant_id, type ORDER BY 1") +
                 lines(database,
                       "SELECT tenant_id || ' ' || metric || ' ' || span || ' ' || window_start || ' ' || quantity || "
                       "' ' || events FROM metering.counters ORDER BY 1") +
                 "mails " + std::to_string(world.mails().size());
  ending.wrong =
      lines(database, "SELECT 'dead letter of ' || worker || ': ' || error FROM messaging.dead_letters") +
      lines(database,
            "SELECT 'still to be published: ' || type FROM messaging.outbox WHERE available_at <= "
            "(SELECT max(recorded_at) FROM audit.records)") +
      lines(database,
            "SELECT 'gap in the audit log of ' || h.tenant_id FROM audit.heads h WHERE size <> (SELECT "
            "count(*) FROM audit.records r WHERE r.tenant_id = h.tenant_id)") +
      lines(database,
            "SELECT 'audited twice: ' || type FROM audit.records GROUP BY tenant_id, event_id, type HAVING "
            "count(*) > 1") +
      lines(database,
            "SELECT 'miscounted: ' || c.tenant_id FROM metering.counters c WHERE span = 'month' AND quantity "
            "<> (SELECT count(*) FROM audit.records r WHERE r.tenant_id = c.tenant_id AND r.type = "
            "'usage.recorded' AND r.payload ->> 'metric' = c.metric)");
  if (world.broker().messages() != 0) ending.wrong += "messages left in queues\n";
  ending.injected = world.injected();
  return ending;
}

// A pays on the third day and not on the thirty-third; B pays late; C pays only once it has been suspended.
Ending live(std::uint64_t seed, Faults faults) {
  World world(seed, faults);
  const auto day = [start = world.now()](int days) { return start + Days{days}; };
  const auto a = world.sign_up("Boulangerie Martin", "marie@a.example");
  world.run_steps(static_cast<int>(world.random().below(30)));
  const auto b = world.sign_up("Boulangerie Durand", "marie@b.example");
  world.run_steps(static_cast<int>(world.random().below(30)));
  const auto c = world.sign_up("Boulangerie Petit", "marie@c.example");

  world.advance_to(day(1));
  for (const auto& tenant : {a, b, c}) {
    world.use(tenant, "orders", 10);
    world.run_steps(static_cast<int>(world.random().below(10)));
  }
  world.advance_to(day(3));
  for (const auto& tenant : {a, b}) {
    const bool subscription_first = world.random().chance(0.5);
    if (subscription_first) world.stripe("customer.subscription.created", subscription(tenant, "active"));
    world.stripe("invoice.paid", invoice(tenant, "in_1", true));
    if (!subscription_first) world.stripe("customer.subscription.created", subscription(tenant, "active"));
  }
  world.advance_to(day(20));
  world.stripe("invoice.paid", invoice(c, "in_1", true));
  world.advance_to(day(33));
  world.stripe("invoice.payment_failed", invoice(a, "in_2", false));
  world.stripe("invoice.payment_failed", invoice(b, "in_2", false));
  world.advance_to(day(36));
  world.stripe("invoice.paid", invoice(b, "in_2", true));
  world.advance_to(day(50));
  return end_of(world);
}

constexpr int shards = 10;
constexpr int seeds_per_shard = 10;

// What fails on purpose would fill the output.
void quiet_logs() {
  log::configure("simulation", log::Level::error);
}

class LifecycleSimulation : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { quiet_logs(); }
};

TEST_P(LifecycleSimulation, EndsInTheSameStateWhateverHappens) {
  const auto calm = live(0, {});
  EXPECT_EQ(calm.wrong, "");
  EXPECT_EQ(calm.lifecycles,
            "boulangerie-durand: trial active\n"
            "boulangerie-martin: trial active suspended\n"
            "boulangerie-petit: trial suspended active\n");
  EXPECT_TRUE(calm.injected.empty());

  std::map<std::string, int> injected;
  for (int i = 1; i <= seeds_per_shard; ++i) {
    const auto seed = static_cast<std::uint64_t>(GetParam() * seeds_per_shard + i);
    const auto stormy = live(seed, often);
    EXPECT_EQ(stormy.wrong, "") << "seed " << seed;
    EXPECT_EQ(stormy.state, calm.state) << "seed " << seed;
    for (const auto& [fault, times] : stormy.injected) injected[fault] += times;
  }
  std::string report;
  for (const auto& [fault, times] : injected) report += fault + ": " + std::to_string(times) + "\n";
  RecordProperty("injected", report);
  for (const auto* fault :
       {"crash within a transaction", "crash after a commit", "crash before an acknowledgement", "acknowledgement lost",
        "confirm lost", "published twice", "connection lost with deliveries at hand"}) {
    EXPECT_GT(injected[fault], 0) << fault << " never happened";
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LifecycleSimulation, ::testing::Range(0, shards));

TEST(LifecycleSimulationReplay, SeedReplaysExactly) {
  quiet_logs();
  const auto once = live(4711, often);
  const auto again = live(4711, often);
  EXPECT_EQ(once.state, again.state);
  EXPECT_EQ(once.injected, again.injected);
}

}  // namespace
}  // namespace tenantry::sim
