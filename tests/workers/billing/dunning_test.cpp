#include "workers/billing/dunning.h"

#include <gtest/gtest.h>

namespace tenantry::billing::dunning_test {
namespace {

using tenancy::Status;

const Timestamp day0 = from_unix_seconds(1'700'000'000);
const std::optional<Timestamp> paid{};
const std::optional<Timestamp> no_hold{};
const std::optional<Timestamp> never{};
const DunningEffects nothing{};
const auto in_time = Microseconds{0};

Account account_past_due_since(std::optional<Timestamp> lapse) {
  Account account;
  account.past_due_since = lapse;
  account.state = lapse ? AccountState::past_due : AccountState::current;
  return account;
}

// Sent on `sent_day`; the first was on day 0 where no other is given.
DunningEffects reminds(int day, int next_day, int warned_day = 0) {
  const auto warned_at = day0 + Days{warned_day};
  return {.remind = Days{day},
          .suspend_at = day0 + Days{14},
          .next = DunningTimer{Days{next_day}, day0 + Days{next_day}, warned_at}};
}
DunningEffects passes(int next_day, std::optional<Timestamp> warned_at = never) {
  return {.next = DunningTimer{Days{next_day}, day0 + Days{next_day}, warned_at}};
}
const DunningEffects suspends{.suspend = true};

struct Row {
  const char* name;
  std::optional<Timestamp> lapse;
  int day;
  std::optional<Timestamp> warned_at;
  DunningEffects effects;
  Microseconds late = in_time;  // after its day the timer is handled
  std::optional<Timestamp> held_until = no_hold;
  Status status = Status::active;
  std::int64_t price_minor = 4900;
};
class Dunning : public testing::TestWithParam<Row> {};

// Goal: every step of the default dunning policy, and the timers that must do nothing.
// Method: one row per timer; the lapse starts at `day0`.
TEST_P(Dunning, Steps) {
  const auto& row = GetParam();
  const Tenancy tenancy{.status = row.status, .price_minor = row.price_minor, .held_until = row.held_until};
  const DunningDay due{.lapse = day0, .day = Days{row.day}, .warned_at = row.warned_at};
  EXPECT_EQ(on_dunning_due(account_past_due_since(row.lapse), tenancy, due, {}, day0 + Days{row.day} + row.late),
            row.effects);
}

INSTANTIATE_TEST_SUITE_P(
    , Dunning,
    testing::Values(
        //  name                       lapse           day  warned_at  effects
        Row{"FirstDayReminds", day0, 0, never, reminds(0, 3)}, Row{"SecondReminder", day0, 3, day0, reminds(3, 7)},
        Row{"LastReminderWaitsForEnd", day0, 7, day0, reminds(7, 14)},
        Row{"DayOfAnOlderPolicy", day0, 5, day0, reminds(5, 7)}, Row{"LastDaySuspends", day0, 14, day0, suspends},
        Row{"LaterThanTheLastDay", day0, 20, day0, suspends},
        Row{"HoldPutsOffTheEnd", day0, 14, day0, DunningEffects{.next = DunningTimer{Days{14}, day0 + Days{30}, day0}},
            in_time, day0 + Days{30}},
        Row{"HoldStillReminds", day0, 0, never, reminds(0, 3), in_time, day0 + Days{30}},
        Row{"PaidMeanwhileIsIgnored", paid, 7, day0, nothing}, Row{"PaidMeanwhileOnLastDay", paid, 14, day0, nothing},
        Row{"EarlierLapseIsIgnored", day0 + Days{30}, 7, day0, nothing},
        // Everything was down for days.
        Row{"ReminderWhoseNextHasPassedIsNotSent", day0, 0, never, passes(3), Days{4}},
        Row{"OfThosePassedTheNewestIsSent", day0, 7, day0, reminds(7, 14), Days{4}},
        // The failure came to us late: three days at least from the first mail to the suspension.
        Row{"LateFailureIsWarnedOfFirst", day0, 14, never,
            DunningEffects{.remind = Days{7},
                           .suspend_at = day0 + Days{18},
                           .next = DunningTimer{Days{14}, day0 + Days{18}, day0 + Days{15}}},
            Days{1}},
        Row{"LateWarningPutsOffTheEnd", day0, 14, day0 + Days{13},
            DunningEffects{.next = DunningTimer{Days{14}, day0 + Days{16}, day0 + Days{13}}}},
        Row{"LateWarningEndsThen", day0, 14, day0 + Days{13}, suspends, Days{2}},
        // Who is in a trial, suspended or gone is not reminded.
        Row{"TrialTakesNoReminders", day0, 3, never, passes(7), in_time, no_hold, Status::trial},
        Row{"CancelledTakesNoReminders", day0, 3, day0, passes(7, day0), in_time, no_hold, Status::cancelled},
        Row{"SuspendedTakesNoReminders", day0, 7, day0, passes(14, day0), in_time, no_hold, Status::suspended},
        Row{"FreePlanOwesNothing", day0, 14, day0, nothing, in_time, no_hold, Status::active, 0}),
    [](const auto& tested) { return tested.param.name; });

TEST(DunningTimer, StartsOnTheFirstDayOfThePolicy) {
  EXPECT_EQ(first_dunning_timer(day0, {}), (DunningTimer{Days{0}, day0}));
  EXPECT_EQ(first_dunning_timer(day0, {.remind_on = {Days{2}}}), (DunningTimer{Days{2}, day0 + Days{2}}));
  EXPECT_EQ(first_dunning_timer(day0, {.remind_on = {}}), (DunningTimer{Days{14}, day0 + Days{14}}));
}

TEST(DunningPolicy, WithoutRemindersSuspendsUnwarned) {
  const DunningDay due{.lapse = day0, .day = Days{14}};
  const Tenancy tenancy{.status = Status::active, .price_minor = 4900};
  EXPECT_EQ(on_dunning_due(account_past_due_since(day0), tenancy, due, {.remind_on = {}}, day0 + Days{14}), suspends);
}

TEST(DunningPolicy, WhoNeedNotPayIsAskedForNothingUntilThatEnds) {
  const Tenancy unbilled{
      .status = Status::active, .price_minor = 4900, .held_until = day0 + Days{90}, .unbilled_until = day0 + Days{90}};
  for (const int day : {0, 7, 14}) {
    EXPECT_EQ(
        on_dunning_due(account_past_due_since(day0), unbilled, {.lapse = day0, .day = Days{day}}, {}, day0 + Days{day}),
        (DunningEffects{.next = DunningTimer{Days{day}, day0 + Days{90}}}));
  }
}

// Stripe has said when it tries again: who is suspended the day before would have paid. After it there is no more
// waiting.
TEST(DunningPolicy, SuspensionWaitsForAnAttemptThatIsAnnounced) {
  const Tenancy tenancy{.status = Status::active, .price_minor = 4900};
  const auto on_day = [&](int now, int attempt) {
    const DunningDay due{.lapse = day0, .day = Days{14}, .warned_at = day0, .next_attempt_at = day0 + Days{attempt}};
    return on_dunning_due(account_past_due_since(day0), tenancy, due, {}, day0 + Days{now});
  };
  EXPECT_EQ(on_day(14, 16), (DunningEffects{.next = DunningTimer{Days{14}, day0 + Days{17}, day0}}));
  EXPECT_EQ(on_day(17, 16), suspends);
  EXPECT_EQ(on_day(14, 18), suspends) << "further away than the notice";
  EXPECT_EQ(on_day(14, 10), suspends) << "of an attempt that is over";
}

// A plan's or a tenant's own days count before the settings; what would come at the suspension is no reminder.
TEST(DunningPolicy, TermsCountBeforeTheSettings) {
  const auto patient = with_terms({}, {.suspend_on = Days{30}});
  EXPECT_EQ(patient.suspend_on, Days{30});
  EXPECT_EQ(patient.remind_on, DunningPolicy{}.remind_on);
  const auto strict = with_terms({}, {.suspend_on = Days{5}, .notice = Days{1}});
  EXPECT_EQ(strict.remind_on, (std::vector<Days>{Days{0}, Days{3}}));
  EXPECT_EQ(strict.notice, Days{1});
  EXPECT_TRUE(with_terms({}, {.remind_on = std::vector<Days>{}}).remind_on.empty());
}

// The days of a lapse that runs change with its policy: the next that lies ahead, be it the suspension.
TEST(DunningTimer, FollowsAPolicyThatChanges) {
  const DunningPolicy patient{.remind_on = {Days{0}, Days{20}}, .suspend_on = Days{30}};
  EXPECT_EQ(next_dunning_timer(day0, patient, day0 + Days{8}), (DunningTimer{Days{20}, day0 + Days{20}}));
  EXPECT_EQ(next_dunning_timer(day0, patient, day0 + Days{20}), (DunningTimer{Days{30}, day0 + Days{30}}));
  const DunningPolicy strict{.remind_on = {Days{0}}, .suspend_on = Days{5}};
  EXPECT_EQ(next_dunning_timer(day0, strict, day0 + Days{8}), (DunningTimer{Days{5}, day0 + Days{8}}));
}

TEST(DunningPolicy, OnlyActiveTenantsTakeReminders) {
  for (const auto status : tenancy::all_statuses) EXPECT_EQ(takes_reminders(status), status == Status::active);
}

}  // namespace
}  // namespace tenantry::billing::dunning_test
