// Goal: what breaks a rule of dunning is named, and what does not comes back as it was written.
#include "shared/tenancy/dunning_terms.h"

#include <gtest/gtest.h>

namespace tenantry::tenancy::dunning_terms_test {
namespace {

TEST(DunningTerms, ReadsWhatIsThere) {
  const auto terms = parse_dunning_terms(R"({"remind_days": [0, 5], "grace_days": 60, "reason": "x"})");
  ASSERT_TRUE(terms);
  EXPECT_EQ(*terms, (DunningTerms{.remind_on = std::vector{Days{0}, Days{5}}, .grace = Days{60}}));
  EXPECT_EQ(written(*terms), R"({"grace_days":60,"remind_days":[0,5]})");
  EXPECT_EQ(*parse_dunning_terms("{}"), DunningTerms{});
  EXPECT_EQ(*parse_dunning_terms(R"({"remind_days": [], "suspend_day": 1})"),
            (DunningTerms{.remind_on = std::vector<Days>{}, .suspend_on = Days{1}}));
}

TEST(DunningTerms, RemindBeforeTheSuspension) {
  const std::vector<Days> days = {Days{0}, Days{14}};
  EXPECT_TRUE(check_order({.remind_on = days, .suspend_on = Days{15}}));
  EXPECT_TRUE(check_order({.remind_on = days}));
  const auto late = check_order({.remind_on = days, .suspend_on = Days{14}});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().fields[0].pointer, "/remind_days");
}

struct Row {
  const char* name;
  const char* json;
  const char* pointer;
};
class BadDunningTerms : public ::testing::TestWithParam<Row> {};

TEST_P(BadDunningTerms, AreNamed) {
  const auto terms = parse_dunning_terms(GetParam().json);
  ASSERT_FALSE(terms);
  ASSERT_EQ(terms.error().fields.size(), 1U) << terms.error().describe();
  EXPECT_EQ(terms.error().fields[0].pointer, GetParam().pointer);
}

INSTANTIATE_TEST_SUITE_P(
    , BadDunningTerms,
    ::testing::Values(Row{"NotRising", R"({"remind_days": [3, 3]})", "/remind_days"},
                      Row{"BeforeTheLapse", R"({"remind_days": [-1]})", "/remind_days"},
                      Row{"NoList", R"({"remind_days": 3})", "/remind_days"},
                      Row{"NoNumbers", R"({"remind_days": ["3"]})", "/remind_days"},
                      Row{"TooMany", R"({"remind_days": [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]})",
                          "/remind_days"},
                      Row{"SuspendedAtOnce", R"({"suspend_day": 0})", "/suspend_day"},
                      Row{"HalfADay", R"({"suspend_day": 1.5})", "/suspend_day"},
                      Row{"AfterYears", R"({"grace_days": 3651})", "/grace_days"},
                      Row{"NegativeNotice", R"({"notice_days": -1})", "/notice_days"}, Row{"NoObject", "[]", ""}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace tenantry::tenancy::dunning_terms_test
