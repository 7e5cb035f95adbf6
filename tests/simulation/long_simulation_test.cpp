// Goal: whatever the years bring, no table grows for ever, every invariant holds, and nothing that "once, for ever"
// rests on is thrown away. Method: five companies live for 400 days while a process sweeps once a day; what Stripe said
// on the first days is said again at the end.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "shared/db/connection.h"
#include "shared/telemetry/log.h"
#include "tests/simulation/invariants.h"

namespace tenantry::sim::long_simulation_test {
namespace {

constexpr int lasts = 400;  // days

class LongLife : public ::testing::Test {
 protected:
  LongLife() : world(1, Faults::of_seed(1)) { log::configure("simulation", log::Level::error); }

  std::int64_t count(const std::string& of) {
    return world.database().exec("superuser", "SELECT count(*) FROM " + of)[0].int64(0);
  }

  World world;
  std::map<std::string, std::map<int, std::int64_t>> rows;  // of a table, by day
};

TEST_F(LongLife, EveryTableIsBoundedAndWhatWasSaidOnTheFirstDayCountsOnce) {
  auto story = long_story(1, 5, Days{lasts});
  const auto first = std::ranges::find(story.acts, Act::Kind::stripe, &Act::kind);
  ASSERT_NE(first, story.acts.end());
  auto late = *first;
  late.at = World::start() + Days{lasts - 1};
  const auto where = std::ranges::find_if(story.acts, [&](const Act& act) { return act.at > late.at; });
  story.acts.insert(where, late);

  const auto rules =
      world.database().exec("superuser", "SELECT relation::text, keep::text, over, reason FROM housekeeping.rules");
  play(world, story, [&](const Act& act) {
    const auto day = static_cast<int>((act.at - World::start()) / Days{1});
    if (act.kind != Act::Kind::keep_house || day % 100 != 0) return;
    for (const auto rule : rules) rows[std::string(rule.text(0))][day] = count(std::string(rule.text(0)));
  });

  std::string violations;
  for (const auto& each : violations_of(world)) violations += each.invariant + ": " + each.what + "\n";
  EXPECT_EQ(violations, "");

  std::printf("%-40s %8s %8s %8s %8s  kept\n", "rows after days", "100", "200", "300", "400");
  for (const auto rule : rules) {
    const std::string relation(rule.text(0));
    auto& of = rows[relation];
    if (of[lasts] == 0) continue;
    std::printf("%-40s %8ld %8ld %8ld %8ld  %s\n", relation.c_str(), of[100], of[200], of[300], of[400],
                std::string(rule.is_null(1) ? rule.text(3) : rule.text(1)).c_str());
  }
  int swept = 0;
  for (const auto rule : rules) {
    if (rule.is_null(1)) continue;
    const std::string relation(rule.text(0));
    std::string over(rule.text(2));
    const auto limit = "($1::timestamptz - '" + std::string(rule.text(1)) + "'::interval)";
    for (auto at = over.find("$1"); at != over.npos; at = over.find("$1", at + limit.size())) {
      over.replace(at, 2, limit);
    }
    const auto left = world.database().exec("superuser", "SELECT count(*) FROM " + relation + " WHERE " + over,
                                            {World::start() + Days{lasts}});
    EXPECT_EQ(left[0].int64(0), 0) << relation << " keeps what is over";
    swept += rows[relation][100] > 0 ? 1 : 0;
  }
  EXPECT_GE(swept, 5) << "a story that fills no table shows nothing";
  // What is kept for weeks is as large after 400 days as after 200: five companies do as much in one as in the other.
  for (const auto* relation : {"messaging.inbox", "messaging.inbox_foreign", "metering.idempotency_keys"}) {
    EXPECT_GT(rows[relation][200], 0) << relation;
    EXPECT_LT(rows[relation][400], rows[relation][200] * 2) << relation;
  }
  // And what is kept for good grows by what happens: in each hundred days as in those before, a few rows more or less.
  for (const auto& [relation, of] : rows) {
    const auto grown = [&](int day) { return of.at(day) - of.at(day - 100); };
    EXPECT_LE(grown(lasts), 2 * std::max<std::int64_t>(grown(lasts - 100), grown(lasts - 200)) + 20) << relation;
  }
  EXPECT_LE(count("pg_class WHERE relname ~ '^inbox_[0-9]{4}_[0-9]{2}$'"), 6);
  EXPECT_EQ(count("messaging.inbox_default"), 0);
}

}  // namespace
}  // namespace tenantry::sim::long_simulation_test
