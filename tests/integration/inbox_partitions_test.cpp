// Goal: processes that start together, or meet a new month together, make its partition
// beside each other and beside workers that write to the inbox; nobody fails.
// Method: several connections at once, a month that nobody has seen, no reruns.
#include <gtest/gtest.h>

#include <barrier>
#include <thread>

#include "events/codec.h"
#include "shared/core/clock.h"
#include "shared/core/ids.h"
#include "tests/support/services.h"

namespace tenantry::messaging::inbox_partitions_test {
namespace {

TEST(InboxPartitions, AreMadeAtOnceByManyBesideWriters) {
  testing::TestDatabase database;
  constexpr int makers = 6, writers = 4, months = 6;
  std::barrier together(makers + writers);
  std::vector<std::jthread> threads;
  const auto month = [](int n) { return from_unix_seconds(1'800'000'000) + Days{62 * n}; };  // two are made each time
  for (int n = 0; n < makers + writers; ++n) {
    threads.emplace_back([&, n] {
      const bool makes = n < makers;
      db::Connection own(database.url(makes ? "runtime" : "audit"), "test");
      for (int m = 0; m < months; ++m) {
        const ManualClock clock(month(m));
        SystemIdGenerator ids(clock);
        together.arrive_and_wait();
        try {
          db::Transaction tx(own);
          if (makes) {
            tx.exec("SELECT messaging.ensure_inbox_partitions($1)", {clock.now()});
          } else {
            for (int i = 0; i < 20; ++i) {
              tx.exec("INSERT INTO messaging.inbox (event_id, worker) VALUES ($1, 'audit')", {ids.next()});
            }
          }
          tx.commit();
        } catch (const std::exception& error) {
          ADD_FAILURE() << (makes ? "making: " : "writing: ") << error.what();
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.inbox"), std::to_string(writers * months * 20));
}

// Their ids have no time in them: in the default partition they could never be let go.
TEST(InboxPartitions, ForeignEventsHaveOneOfTheirOwn) {
  testing::TestDatabase database;
  const auto foreign = events::foreign_event_id("acme", "/shop", "o-1");
  const SystemClock clock;
  SystemIdGenerator ids(clock);
  for (const auto& id : {foreign, ids.next()}) {
    database.exec("superuser", "INSERT INTO messaging.inbox (event_id, worker) VALUES ($1, 'audit')", {id});
  }
  EXPECT_EQ(database.value("SELECT event_id::text FROM messaging.inbox_foreign"), foreign.to_string());
  EXPECT_EQ(database.value("SELECT count(*)::text FROM messaging.inbox"), "2");
}

}  // namespace
}  // namespace tenantry::messaging::inbox_partitions_test
