// Goal: one holder's greed ends at its share, many holders' at what is kept for those
// who have nothing, and everybody's at what is the platform's own.
#include "shared/core/budget.h"

#include <gtest/gtest.h>

namespace tenantry::budget_test {
namespace {

using Answer = Budget::Answer;

constexpr BudgetLimits limits{.total = 10, .of_one = 4, .kept_for_newcomers = 2, .kept_for_the_platform = 1};

TEST(Budget, OneHolderHasItsShareAndNoMore) {
  Budget budget(limits);
  EXPECT_EQ(budget.take("a", 4), Answer::taken);
  EXPECT_EQ(budget.take("a"), Answer::holder_full);
  budget.give_back("a");
  EXPECT_EQ(budget.take("a"), Answer::taken);
}

TEST(Budget, TheGreedyLeaveWhatIsKeptForNewcomers) {
  Budget budget(limits);
  EXPECT_EQ(budget.take("a", 4), Answer::taken);
  EXPECT_EQ(budget.take("b", 2), Answer::taken);
  EXPECT_EQ(budget.take("b", 2), Answer::all_full) << "eight of ten, one of them the platform's, would be left too few";
  EXPECT_EQ(budget.take("b", 1), Answer::taken);
  EXPECT_EQ(budget.take("a", 1), Answer::holder_full);
  EXPECT_EQ(budget.take("newcomer", 2), Answer::taken);
  EXPECT_EQ(budget.take("another", 1), Answer::all_full);
}

TEST(Budget, ThePlatformTakesWhatNobodyElseMay) {
  Budget budget(limits);
  for (const char* holder : {"a", "b", "c", "d", "e", "f", "g", "h", "i"}) {
    EXPECT_EQ(budget.take(holder), Answer::taken);
  }
  EXPECT_EQ(budget.take("j"), Answer::all_full);
  EXPECT_EQ(budget.take(""), Answer::taken);
  EXPECT_EQ(budget.take(""), Answer::all_full);
}

TEST(Budget, MoreThanIsLeftIsNotTakenInPart) {
  Budget budget(limits);
  EXPECT_EQ(budget.take("a", 5), Answer::holder_full);
  EXPECT_EQ(budget.taken(), 0U);
  EXPECT_EQ(budget.take("", 11), Answer::all_full);
  EXPECT_EQ(budget.taken(), 0U);
}

TEST(Budget, NothingIsKeptOfWhoGaveAllBack) {
  Budget budget(limits);
  ASSERT_EQ(budget.take("a", 3), Answer::taken);
  budget.give_back("a", 3);
  EXPECT_EQ(budget.held_by("a"), 0U);
  EXPECT_EQ(budget.taken(), 0U);
}

}  // namespace
}  // namespace tenantry::budget_test
