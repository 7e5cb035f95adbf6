#include "workers/metering/counting.h"

#include <gtest/gtest.h>

#include <limits>

#include "tenantry/events/v1/usage.pb.h"

namespace tenantry::metering {
namespace {

const Timestamp now = from_unix_seconds(1'700'000'000);
const Metrics metrics = {{"orders", {"orders", Aggregation::sum, true, ""}},
                         {"visits", {"visits", Aggregation::count, true, ""}},
                         {"people", {"people", Aggregation::unique, true, ""}}};

Result<Usage> read(const events::v1::UsageRecorded& usage) {
  return read_usage(metrics, usage, "acme", Uuid{}, now - Seconds{60}, now);
}

events::v1::UsageRecorded usage(const char* metric, double quantity) {
  events::v1::UsageRecorded out;
  out.set_metric(metric);
  out.set_quantity(quantity);
  return out;
}

TEST(Counting, TakesTheEventsTimeWhereNoneIsGiven) {
  auto late = usage("orders", 2);
  EXPECT_EQ(read(late)->at, now - Seconds{60});
  late.mutable_at()->set_seconds(1'600'000'000);
  EXPECT_EQ(read(late)->at, from_unix_seconds(1'600'000'000));
}

TEST(Counting, CountsEventsAndMembersAsOne) {
  EXPECT_EQ(read(usage("visits", 17))->quantity, 1);
  EXPECT_EQ(read(usage("people", 1)).error().fields[0].pointer, "/data/dimensions/member");
  auto person = usage("people", 5);
  (*person.mutable_dimensions())["member"] = "u1";
  EXPECT_EQ(read(person)->quantity, 1);
  EXPECT_EQ(read(person)->member, "u1");
}

TEST(Counting, RefusesWhatCannotBeCounted) {
  EXPECT_EQ(read(usage("unheard_of", 1)).error().fields[0].code, "unknown_metric");
  for (const double quantity :
       {-1.0, 1e16, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(read(usage("orders", quantity)).error().fields[0].pointer, "/data/quantity") << quantity;
  }
  auto early = usage("orders", 1);
  early.mutable_at()->set_seconds(to_unix_seconds(now) + 7200);
  EXPECT_EQ(read(early).error().fields[0].code, "future");
}

TEST(Crossings, AreReachedAtAndPassedBeyond) {
  EXPECT_EQ(crossings(79.9, 100), std::vector<int>{});
  EXPECT_EQ(crossings(80, 100), std::vector<int>{80});
  EXPECT_EQ(crossings(100, 100), (std::vector<int>{80, 100}));
  EXPECT_EQ(crossings(100.5, 100), (std::vector<int>{80, 100, percent_exceeded}));
  EXPECT_EQ(crossings(1e9, -1), std::vector<int>{});
}

}  // namespace
}  // namespace tenantry::metering
