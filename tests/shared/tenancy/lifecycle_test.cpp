#include "shared/tenancy/lifecycle.h"

#include <gtest/gtest.h>

namespace tenantry::tenancy {
namespace {

const Timestamp now = from_unix_seconds(1'700'000'000);

LifecycleState state(Status status, std::string reason = "", std::optional<Status> resumes_to = std::nullopt) {
  return {status, std::move(reason), resumes_to, now + Days{1}};
}

struct Row {
  const char* name;
  LifecycleState from;
  Trigger trigger;
  std::optional<Status> to;  // nullopt: no move
  const char* reason;
};

// Goal: every move of the specification, and that nothing else moves.
TEST(Lifecycle, MovesAsTheTableSays) {
  using S = Status;
  using T = Trigger;
  const Row rows[] = {
      {"provisioned", state(S::pending), T::provisioned, S::trial, ""},
      {"paid before its resources exist", state(S::pending), T::paid, std::nullopt, ""},
      {"paid in trial", state(S::trial), T::paid, S::active, "payment"},
      {"trial over", state(S::trial), T::trial_ended, S::suspended, "trial_expired"},
      {"trial suspended", state(S::trial), T::suspend, S::suspended, "payment"},
      {"trial cancelled", state(S::trial), T::cancel, S::cancelled, "payment"},
      {"trial is not dunned", state(S::trial), T::unpaid, std::nullopt, ""},
      {"late end of a paid trial", state(S::active), T::trial_ended, std::nullopt, ""},
      {"dunning over", state(S::active), T::unpaid, S::suspended, "payment_failed"},
      {"paid again", state(S::active), T::paid, std::nullopt, ""},
      {"trial_expired, paid", state(S::suspended, "trial_expired"), T::paid, S::active, "payment"},
      {"payment_failed, paid", state(S::suspended, "payment_failed"), T::paid, S::active, "payment"},
      {"abuse, paid: booked only", state(S::suspended, "abuse", S::active), T::paid, std::nullopt, ""},
      {"abuse in trial, paid: resumes to active", state(S::suspended, "abuse", S::trial), T::paid, S::suspended,
       "abuse"},
      {"abuse, lifted", state(S::suspended, "abuse", S::active), T::reactivate, S::active, "payment"},
      {"abuse in trial, lifted", state(S::suspended, "abuse", S::trial), T::reactivate, S::trial, ""},
      {"suspended, cancelled", state(S::suspended, "payment_failed"), T::cancel, S::cancelled, "payment"},
      {"cancelled, paid", state(S::cancelled, "", S::trial), T::paid, S::active, "payment"},
      {"cancelled while paid, resumed", state(S::cancelled, "", S::active), T::resume, S::active, "payment"},
      {"cancelled in trial, resumed", state(S::cancelled, "", S::trial), T::resume, std::nullopt, ""},
      {"grace over", state(S::cancelled), T::grace_over, S::deleted, ""},
      {"grace over after it came back", state(S::active), T::grace_over, std::nullopt, ""},
  };
  for (const auto& row : rows) {
    const auto move = decide(row.from, row.trigger, "payment", now);
    EXPECT_EQ(move.has_value(), row.to.has_value()) << row.name;
    if (!move || !row.to) continue;
    EXPECT_EQ(move->to, *row.to) << row.name;
    EXPECT_EQ(move->reason, row.reason) << row.name;
  }
}

TEST(Lifecycle, NothingLeavesDeletedAndNothingReturnsToPending) {
  for (const auto trigger : all_triggers) {
    EXPECT_FALSE(decide(state(Status::deleted), trigger, "", now)) << to_string(trigger);
    for (const auto status : all_statuses) {
      const auto move = decide(state(status), trigger, "", now);
      if (move) {
        EXPECT_NE(move->to, Status::pending);
      }
    }
  }
}

TEST(Lifecycle, ALiftedTrialThatIsOverStaysSuspended) {
  auto over = state(Status::suspended, "abuse", Status::trial);
  over.trial_ends_at = now;
  const auto move = decide(over, Trigger::reactivate, "admin", now);
  ASSERT_TRUE(move);
  EXPECT_EQ(move->to, Status::suspended);
  EXPECT_EQ(move->reason, "trial_expired");
}

TEST(Access, FollowsTheStatus) {
  EXPECT_EQ(access_of(state(Status::pending), now).http_status, 403);
  EXPECT_TRUE(access_of(state(Status::trial), now).allowed);
  EXPECT_EQ(access_of(state(Status::trial), now + Days{1}).code, "trial_expired");
  EXPECT_TRUE(access_of(state(Status::active), now).allowed);
  EXPECT_EQ(access_of(state(Status::suspended), now).http_status, 402);
  EXPECT_EQ(access_of(state(Status::cancelled), now).code, "account_cancelled");
  EXPECT_EQ(access_of(state(Status::deleted), now).http_status, 404);
}

}  // namespace
}  // namespace tenantry::tenancy
