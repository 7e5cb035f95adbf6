#include "shared/tenancy/lifecycle.h"

#include <gtest/gtest.h>

namespace tenantry::tenancy::lifecycle_test {
namespace {

const Timestamp now = from_unix_seconds(1'700'000'000);

LifecycleState state(Status status, std::string reason = "", std::optional<Status> resumes_to = std::nullopt) {
  return {status, std::move(reason), resumes_to, now + Days{1}, {}};
}

// As an admin's suspension for abuse left it.
LifecycleState banned(Status status, std::optional<Status> resumes_to) {
  return {status, status == Status::suspended ? "abuse" : "", resumes_to, now + Days{1}, "abuse"};
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
      {"subscription paused", state(S::active), T::pause, S::suspended, "paused"},
      {"subscription paused in trial", state(S::trial), T::pause, S::suspended, "paused"},
      {"paused, paid", state(S::suspended, "paused"), T::paid, S::active, "payment"},
      {"trial over, and then extended", state(S::suspended, "trial_expired"), T::extend_trial, S::trial, ""},
      {"unpaid, trial extended", state(S::suspended, "payment_failed"), T::extend_trial, std::nullopt, ""},
      {"abuse in trial, extended", banned(S::suspended, S::trial), T::extend_trial, std::nullopt, ""},
      {"paid, trial extended", state(S::active), T::extend_trial, std::nullopt, ""},
      {"trial_expired, paid", state(S::suspended, "trial_expired"), T::paid, S::active, "payment"},
      {"payment_failed, paid", state(S::suspended, "payment_failed"), T::paid, S::active, "payment"},
      {"abuse, paid: booked only", banned(S::suspended, S::active), T::paid, std::nullopt, ""},
      {"abuse in trial, paid: resumes to active", banned(S::suspended, S::trial), T::paid, S::suspended, "abuse"},
      {"abuse, lifted", banned(S::suspended, S::active), T::reactivate, S::active, "payment"},
      {"abuse in trial, lifted", banned(S::suspended, S::trial), T::reactivate, S::trial, ""},
      {"abuse, cancelled", banned(S::suspended, S::active), T::cancel, S::cancelled, "payment"},
      {"abuse, cancelled, resumed by the tenant", banned(S::cancelled, S::suspended), T::resume, std::nullopt, ""},
      {"abuse, cancelled, paid: suspended as before", banned(S::cancelled, S::suspended), T::paid, S::suspended,
       "abuse"},
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

// Goal: whatever the tenant, Stripe and the timers do in whatever order, who was suspended by an admin is let in
// again by an admin alone.
// Method: every path of moves from a suspension that holds no admin's lifting, to a depth that visits all states.
TEST(Lifecycle, AnAdminsSuspensionIsLiftedByAnAdminAlone) {
  std::vector<LifecycleState> reached;
  for (const auto interrupted : {Status::trial, Status::active}) {
    auto before = state(interrupted);
    const auto move = decide(before, Trigger::suspend, "abuse", now);
    ASSERT_TRUE(move);
    reached.push_back({move->to, move->reason, move->resumes_to, before.trial_ends_at, move->suspension});
  }
  for (std::size_t i = 0; i < reached.size(); ++i) {
    EXPECT_TRUE(reached[i].status != Status::trial && reached[i].status != Status::active) << i;
    if (i >= 200) break;
    for (const auto trigger : all_triggers) {
      if (trigger == Trigger::reactivate) continue;
      const auto move = decide(reached[i], trigger, "any", now + Days{2});
      if (!move) continue;
      reached.push_back({move->to, move->reason, move->resumes_to, reached[i].trial_ends_at, move->suspension});
    }
  }
  EXPECT_GT(reached.size(), 50U);
}

TEST(Lifecycle, ALiftedTrialThatIsOverStaysSuspended) {
  auto over = banned(Status::suspended, Status::trial);
  over.trial_ends_at = now;
  const auto move = decide(over, Trigger::reactivate, "admin", now);
  ASSERT_TRUE(move);
  EXPECT_EQ(move->to, Status::suspended);
  EXPECT_EQ(move->reason, "trial_expired");
}

TEST(Lifecycle, StatusesAreWrittenInCapitalsAndReadInEitherCase) {
  for (const auto status : all_statuses) {
    EXPECT_EQ(status_from(to_string(status)), status);
    EXPECT_EQ(status_from(written(status)), status);
  }
  EXPECT_EQ(written(Status::trial), "TRIAL");
  for (const char* text : {"", "Trial", "trial ", "PAUSED"}) EXPECT_EQ(status_from(text), std::nullopt) << text;
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
}  // namespace tenantry::tenancy::lifecycle_test
