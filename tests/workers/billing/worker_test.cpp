#include "workers/billing/worker.h"

#include <gtest/gtest.h>

#include <set>

#include "events/topology.h"
#include "shared/db/connection.h"

namespace tenantry::billing::worker_test {
namespace {

TEST(BillingWorker, ConsumesWhatItsQueueHears) {
  const ManualClock clock(from_unix_seconds(1'700'000'000));
  SystemIdGenerator ids(clock);
  db::Connection connection("postgresql://nowhere.invalid/db", "test");
  const auto worker = worker_spec({}).make({clock, ids, connection});
  std::multiset<std::string_view> consumed;
  for (const auto& row : worker->consumes()) consumed.insert(row.type);

  std::multiset<std::string_view> heard;
  for (const auto& subscription : events::subscriptions()) {
    if (subscription.worker == "billing") heard.insert(subscription.pattern);
  }
  EXPECT_EQ(consumed, heard);
}

}  // namespace
}  // namespace tenantry::billing::worker_test
