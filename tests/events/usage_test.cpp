#include "events/usage.h"

#include <gtest/gtest.h>

#include <limits>

#include "tenantry/events/v1/usage.pb.h"

namespace tenantry::events::usage_test {
namespace {

const Timestamp now = from_unix_seconds(1'700'000'000);
const Metrics metrics = {{"orders", {"orders", Aggregation::sum, true, ""}},
                         {"visits", {"visits", Aggregation::count, true, ""}},
                         {"people", {"people", Aggregation::unique, true, ""}}};

Result<Usage> read(const v1::UsageRecorded& usage) {
  return read_usage(metrics, usage, "acme", Uuid{}, now - Seconds{60}, now);
}

v1::UsageRecorded usage(const char* metric, double quantity) {
  v1::UsageRecorded out;
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

// Limits and bills go by what the platform measures: nobody else has a say in it, whatever their role.
TEST(Counting, TellsThePlatformsMetricsFromApplications) {
  auto all = metrics;
  all["api_calls"] = {"api_calls", Aggregation::sum, true, "api_calls_max", false};
  const auto refused = check_application_usage(all, usage("api_calls", 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::refused);
  EXPECT_EQ(refused.error().fields[0].pointer, "/data/metric");
  EXPECT_TRUE(check_application_usage(all, usage("orders", 1)));
  EXPECT_TRUE(check_application_usage(all, usage("unheard_of", 1))) << "read_usage says that";
}

TEST(Counting, RefusesTextsThatNoRowCanHold) {
  auto keyed = usage("orders", 1);
  keyed.set_idempotency_key(std::string("a\0b", 3));
  EXPECT_EQ(read(keyed).error().fields[0].pointer, "/data/idempotency_key");
  keyed.set_idempotency_key(std::string(256, 'k'));
  EXPECT_EQ(read(keyed).error().fields[0].pointer, "/data/idempotency_key");
  auto person = usage("people", 1);
  (*person.mutable_dimensions())["member"] = std::string("u\0", 2);
  EXPECT_EQ(read(person).error().fields[0].pointer, "/data/dimensions/member");
}

}  // namespace
}  // namespace tenantry::events::usage_test
