#include "workers/billing/dunning.h"

#include <gtest/gtest.h>

namespace tenantry::billing {
namespace {

const Timestamp day0 = from_unix_seconds(1'700'000'000);
const std::optional<Timestamp> paid{};
const std::optional<Timestamp> no_hold{};
const DunningEffects nothing{};

Account account_past_due_since(std::optional<Timestamp> lapse) {
  Account account;
  account.past_due_since = lapse;
  account.state = lapse ? AccountState::past_due : AccountState::current;
  return account;
}

DunningEffects reminds(int day, int next_day) {
  return {.remind = Days{day}, .next = DunningTimer{Days{next_day}, day0 + Days{next_day}}};
}
const DunningEffects suspends{.suspend = true};

struct Row {
  const char* name;
  std::optional<Timestamp> lapse;
  int day;
  std::optional<Timestamp> held_until;
  DunningEffects effects;
};
class Dunning : public testing::TestWithParam<Row> {};

// Goal: every step of the default dunning policy, and the timers that must do nothing.
// Method: one row per timer; the lapse starts at `day0`.
TEST_P(Dunning, Steps) {
  const auto& row = GetParam();
  EXPECT_EQ(on_dunning_due(account_past_due_since(row.lapse), day0, Days{row.day}, {}, row.held_until), row.effects);
}

INSTANTIATE_TEST_SUITE_P(, Dunning,
                         testing::Values(
                             //  name                       lapse           day  held_until         effects
                             Row{"FirstDayReminds", day0, 0, no_hold, reminds(0, 3)},
                             Row{"SecondReminder", day0, 3, no_hold, reminds(3, 7)},
                             Row{"LastReminderWaitsForEnd", day0, 7, no_hold, reminds(7, 14)},
                             Row{"DayOfAnOlderPolicy", day0, 5, no_hold, reminds(5, 7)},
                             Row{"LastDaySuspends", day0, 14, no_hold, suspends},
                             Row{"LaterThanTheLastDay", day0, 20, no_hold, suspends},
                             Row{"HoldPutsOffTheEnd", day0, 14, day0 + Days{30},
                                 DunningEffects{.next = DunningTimer{Days{14}, day0 + Days{30}}}},
                             Row{"HoldStillReminds", day0, 0, day0 + Days{30}, reminds(0, 3)},
                             Row{"PaidMeanwhileIsIgnored", paid, 7, no_hold, nothing},
                             Row{"PaidMeanwhileOnLastDay", paid, 14, no_hold, nothing},
                             Row{"EarlierLapseIsIgnored", day0 + Days{30}, 7, no_hold, nothing}),
                         [](const auto& tested) { return tested.param.name; });

TEST(DunningTimer, StartsOnTheFirstDayOfThePolicy) {
  EXPECT_EQ(first_dunning_timer(day0, {}), (DunningTimer{Days{0}, day0}));
  EXPECT_EQ(first_dunning_timer(day0, {.remind_on = {Days{2}}}), (DunningTimer{Days{2}, day0 + Days{2}}));
  EXPECT_EQ(first_dunning_timer(day0, {.remind_on = {}}), (DunningTimer{Days{14}, day0 + Days{14}}));
}

}  // namespace
}  // namespace tenantry::billing
