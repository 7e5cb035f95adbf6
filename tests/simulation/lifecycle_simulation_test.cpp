// Goal: whatever the order, duplicates, crashes and losses, what was accepted leads to
// one state, and every invariant holds. Method: companies live for months on one thread,
// each seed with a story and faults of its own; an independent model says how it must
// end. One story is written by hand, with every step its companies must take.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "shared/db/connection.h"
#include "shared/telemetry/log.h"
#include "tests/simulation/run_seed.h"

namespace tenantry::sim::lifecycle_simulation_test {
namespace {

using nlohmann::json;

constexpr int shards = 10;
constexpr int seeds_per_shard = 20;

// What fails on purpose would fill the output.
void quiet_logs() {
  log::configure("simulation", log::Level::error);
}

std::string text_of(const std::vector<Violation>& violations) {
  std::string out;
  for (const auto& each : violations) out += each.invariant + ": " + each.what + "\n";
  return out;
}

class Seeds : public ::testing::TestWithParam<int> {};

TEST_P(Seeds, KeepEveryInvariant) {
  quiet_logs();
  std::map<std::string, int> injected;
  for (int i = 1; i <= seeds_per_shard; ++i) {
    const auto seed = static_cast<std::uint64_t>(GetParam() * seeds_per_shard + i);
    const auto verdict = run_story(seed, story_of(seed), Faults::of_seed(seed));
    EXPECT_EQ(text_of(verdict.violations), "") << "again: ./dev simulate --first " << seed << " --seeds 1";
    for (const auto& [fault, times] : verdict.injected) injected[fault] += times;
  }
  std::string report;
  for (const auto& [fault, times] : injected) report += fault + ": " + std::to_string(times) + "\n";
  RecordProperty("injected", report);
  for (const auto* fault : {"crash within a transaction", "crash after a commit", "acknowledgement lost",
                            "confirm lost", "published twice", "connection lost with deliveries at hand"}) {
    EXPECT_GT(injected[fault], 0) << fault << " never happened";
  }
}

INSTANTIATE_TEST_SUITE_P(, Seeds, ::testing::Range(0, shards));

// "" where they are the same, else the first lines that are not.
std::string first_difference(const std::string& left, const std::string& right) {
  if (left == right) return "";
  std::istringstream lefts(left), rights(right);
  std::string one, other;
  while (std::getline(lefts, one) && std::getline(rights, other) && one == other) {
  }
  return one + " | " + other;
}

TEST(Seed, ReplaysByteForByte) {
  quiet_logs();
  for (const std::uint64_t seed : {4711U, 4712U}) {
    const auto once = run_story(seed, story_of(seed), Faults::of_seed(seed));
    const auto again = run_story(seed, story_of(seed), Faults::of_seed(seed));
    EXPECT_GT(once.injected.size(), 3U);
    EXPECT_EQ(first_difference(once.trace, again.trace), "") << "seed " << seed;
  }
}

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
          {"status", paid ? "paid" : "open"}};
}

// Suspended for abuse, the tenant ends its subscription, pays again, and waits for the admin all the same.
std::string abuser(std::uint64_t seed, const Faults& faults) {
  World world(seed, faults);
  const auto day = [start = world.now()](int days) { return start + Days{days}; };
  const auto tenant = world.sign_up("Boulangerie Louche", "marie@louche.example");
  const auto tell = [&](const std::string& type, const json& object) {
    world.stripe({.id = "evt_" + type + "_" + object.at("id").get<std::string>(),
                  .type = type,
                  .stated_at = world.now(),
                  .tenant_id = tenant,
                  .object = object});
  };
  world.advance_to(day(3));
  tell("customer.subscription.created", subscription(tenant, "active"));
  tell("invoice.paid", invoice(tenant, "in_1", true));
  world.advance_to(day(5));
  world.admin(tenant, tenancy::Trigger::suspend, "abuse");
  world.advance_to(day(6));
  tell("customer.subscription.deleted", subscription(tenant, "canceled"));
  world.advance_to(day(8));
  tell("invoice.paid", invoice(tenant, "in_2", true));
  world.advance_to(day(10));
  world.admin(tenant, tenancy::Trigger::reactivate, "admin");
  world.advance_to(day(80));
  EXPECT_EQ(text_of(violations_of(world)), "");
  return world.database().value(
      "SELECT string_agg(to_status || coalesce(nullif('(' || reason || ')', '()'), ''), ' ' ORDER BY at) FROM "
      "platform.lifecycle_history WHERE to_status <> 'trial'");
}

TEST(Abuser, IsLetInAgainByAnAdminAloneWhateverHappens) {
  quiet_logs();
  for (const std::uint64_t seed : {0U, 1U, 2U}) {
    const auto steps = abuser(seed, seed == 0 ? Faults{} : Faults::of_seed(seed));
    EXPECT_TRUE(steps.find("suspended(abuse) cancelled") != steps.npos &&
                steps.ends_with(" suspended(abuse) active(admin)"))
        << "seed " << seed << ": " << steps;
  }
}

// A pays on the third day and not on the thirty-third; B pays late; C pays only once it has been suspended.
std::string three_companies(std::uint64_t seed, const Faults& faults) {
  World world(seed, faults);
  const auto day = [start = world.now()](int days) { return start + Days{days}; };
  const auto tell = [&](const std::string& tenant, const std::string& type, const json& object) {
    world.stripe({.id = "evt_" + type + "_" + object.at("id").get<std::string>(),
                  .type = type,
                  .stated_at = world.now(),
                  .tenant_id = tenant,
                  .object = object});
  };
  const auto a = world.sign_up("Boulangerie Martin", "marie@a.example");
  world.run_steps(static_cast<int>(world.random().below(30)));
  const auto b = world.sign_up("Boulangerie Durand", "marie@b.example");
  world.run_steps(static_cast<int>(world.random().below(30)));
  const auto c = world.sign_up("Boulangerie Petit", "marie@c.example");

  world.advance_to(day(3));
  for (const auto& tenant : {a, b}) {
    const bool subscription_first = world.random().chance(0.5);
    if (subscription_first) tell(tenant, "customer.subscription.created", subscription(tenant, "active"));
    tell(tenant, "invoice.paid", invoice(tenant, "in_1", true));
    if (!subscription_first) tell(tenant, "customer.subscription.created", subscription(tenant, "active"));
  }
  world.advance_to(day(20));
  tell(c, "invoice.paid", invoice(c, "in_1", true));
  world.advance_to(day(33));
  tell(a, "invoice.payment_failed", invoice(a, "in_2", false));
  tell(b, "invoice.payment_failed", invoice(b, "in_2", false));
  world.advance_to(day(36));
  tell(b, "invoice.paid", invoice(b, "in_2", true));
  world.advance_to(day(80));
  EXPECT_EQ(text_of(violations_of(world)), "");
  return world.database().value(
      "SELECT string_agg(line, '; ' ORDER BY line) FROM (SELECT tenant_id || ': ' || string_agg(to_status, ' ' ORDER "
      "BY "
      "at) AS line FROM platform.lifecycle_history GROUP BY tenant_id) AS l");
}

TEST(ThreeCompanies, TakeTheirStepsWhateverHappens) {
  quiet_logs();
  for (const std::uint64_t seed : {0U, 1U, 2U, 3U}) {
    EXPECT_EQ(three_companies(seed, seed == 0 ? Faults{} : Faults::of_seed(seed)),
              "boulangerie-durand: trial active; boulangerie-martin: trial active suspended; "
              "boulangerie-petit: trial suspended active")
        << "seed " << seed;
  }
}

}  // namespace
}  // namespace tenantry::sim::lifecycle_simulation_test
