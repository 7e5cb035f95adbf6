#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "workers/gateway/api/admin/bulk_acts/requests.h"

namespace tenantry::gateway::bulk_act_test {
namespace {

using nlohmann::json;
using tenancy::Status;
using tenancy::Trigger;

const Timestamp now = from_unix_seconds(1'800'000'000);

struct Row {
  const char* name;
  tenancy::LifecycleState state;
  Trigger trigger;
  std::optional<Status> becomes;
  const char* why_not;
};
class Foresight : public ::testing::TestWithParam<Row> {};

// Goal: what is said beforehand is what the table of transitions does.
TEST_P(Foresight, IsWhatWillBeDecided) {
  const auto& row = GetParam();
  const auto foreseen = foresee(row.state, row.trigger, now);
  EXPECT_EQ(foreseen.becomes, row.becomes);
  EXPECT_EQ(foreseen.why_not, row.why_not);
  const auto move = tenancy::decide(row.state, row.trigger, "admin", now);
  EXPECT_EQ(move.has_value(), foreseen.becomes.has_value());
}
INSTANTIATE_TEST_SUITE_P(
    , Foresight,
    ::testing::Values(
        Row{"ActiveIsSuspended", {.status = Status::active}, Trigger::suspend, Status::suspended, ""},
        Row{"TrialIsSuspended",
            {.status = Status::trial, .trial_ends_at = now + Days{1}},
            Trigger::suspend,
            Status::suspended,
            ""},
        Row{"OwingIsSuspendedForGood",
            {.status = Status::suspended, .reason = "payment_failed", .resumes_to = Status::active},
            Trigger::suspend,
            Status::suspended,
            ""},
        Row{"ByAnAdminAlready",
            {.status = Status::suspended, .reason = "abuse", .resumes_to = Status::active, .suspension = "abuse"},
            Trigger::suspend,
            {},
            "suspended_already"},
        Row{"PendingIsNotLive", {.status = Status::pending}, Trigger::suspend, {}, "not_live"},
        Row{"CancelledIsNotLive", {.status = Status::cancelled}, Trigger::suspend, {}, "not_live"},
        Row{"DeletedIsNotLive", {.status = Status::deleted}, Trigger::suspend, {}, "not_live"},
        Row{"SuspendedComesBack",
            {.status = Status::suspended, .reason = "abuse", .resumes_to = Status::active, .suspension = "abuse"},
            Trigger::reactivate,
            Status::active,
            ""},
        Row{"BackToATrialThatIsOver",
            {.status = Status::suspended,
             .reason = "abuse",
             .resumes_to = Status::trial,
             .trial_ends_at = now,
             .suspension = "abuse"},
            Trigger::reactivate,
            Status::suspended,
            ""},
        Row{"ActiveIsNotSuspended", {.status = Status::active}, Trigger::reactivate, {}, "not_suspended"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(BulkAct, NamesAnActAndItsTenants) {
  const auto act = parse_bulk_act(R"({"act":"reactivate","tenant_ids":["globex","acme","globex"]})");
  ASSERT_TRUE(act);
  EXPECT_EQ(act->trigger, Trigger::reactivate);
  EXPECT_EQ(act->tenant_ids, (std::vector<std::string>{"acme", "globex"}));
  const json many = std::vector<std::string>(bulk_tenants_max + 1, "acme");
  for (const auto& [body, pointer] :
       {std::pair<json, const char*>{{{"act", "erase"}, {"tenant_ids", {"acme"}}}, "/act"},
        {{{"tenant_ids", {"acme"}}}, "/act"},
        {{{"act", "suspend"}}, "/tenant_ids"},
        {{{"act", "suspend"}, {"tenant_ids", many}}, "/tenant_ids"},
        {{{"act", "suspend"}, {"tenant_ids", {"acme", "No Slug"}}}, "/tenant_ids/1"}}) {
    const auto refused = parse_bulk_act(body.dump());
    ASSERT_FALSE(refused) << body;
    EXPECT_EQ(refused.error().fields[0].pointer, pointer) << body;
  }
}

}  // namespace
}  // namespace tenantry::gateway::bulk_act_test
