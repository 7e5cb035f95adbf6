#include "shared/tenancy/permissions.h"

#include <gtest/gtest.h>

#include <vector>

namespace tenantry::tenancy::permissions_test {
namespace {

using Grants = std::vector<std::string>;

struct Row {
  const char* name;
  Grants granted;
  const char* needed;
  Reach reach;
};

class GrantsReach : public ::testing::TestWithParam<Row> {};

// Goal: grants reach as far as they say, by whole words.
TEST_P(GrantsReach, AsFarAsTheySay) {
  const auto& row = GetParam();
  EXPECT_EQ(reach_of(row.granted, row.needed), row.reach);
}

INSTANTIATE_TEST_SUITE_P(
    , GrantsReach,
    ::testing::Values(
        Row{"EverythingIsEverything", {"*"}, "clients:update", Reach::all},
        Row{"AResourcesActions", {"clients:*"}, "clients:update", Reach::all},
        Row{"NotAnotherResourceOfLikeName", {"clients:*"}, "clients_export:read", Reach::none},
        Row{"NotAnotherResourceOfShorterName", {"client:*"}, "clients:read", Reach::none},
        Row{"NotAnotherActionOfLikeName", {"clients:read"}, "clients:readable", Reach::none},
        Row{"OwnReachesOwn", {"clients:update:own"}, "clients:update", Reach::own},
        Row{"OwnOfAllActions", {"clients:*:own"}, "clients:delete", Reach::own},
        Row{"OwnOfEverything", {"*:own"}, "clients:delete", Reach::own},
        Row{"OwnOfAnotherAction", {"clients:update:own"}, "clients:delete", Reach::none},
        Row{"PlainCoversOwn", {"clients:read"}, "clients:read", Reach::all},
        Row{"TheFurtherOfTwo", {"clients:read:own", "clients:read"}, "clients:read", Reach::all},
        Row{"TheFurtherOfTwoTheOtherWay", {"clients:read", "clients:read:own"}, "clients:read", Reach::all},
        Row{"NothingHeld", {}, "clients:read", Reach::none},
        Row{"WhatIsNoGrantGrantsNothing", {"clients", "Clients:Read", "**", ""}, "clients:read", Reach::none},
        Row{"WhatIsNoRightIsNotReached", {"*"}, "clients", Reach::none}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(PermissionsCover, WhatIsHeldOrLess) {
  const auto covered = [](const Grants& held, const Grants& wanted) { return covers(held, wanted); };
  EXPECT_TRUE(covered({"*"}, {"*"}));
  EXPECT_TRUE(covered({"*"}, {"clients:*", "users:read:own"}));
  EXPECT_TRUE(covered({"clients:*"}, {"clients:read", "clients:update:own"}));
  EXPECT_TRUE(covered({"clients:*:own"}, {"clients:update:own"}));
  EXPECT_TRUE(covered({}, {}));
  EXPECT_FALSE(covered({"clients:*"}, {"*"}));
  EXPECT_FALSE(covered({"*:own"}, {"*"}));
  EXPECT_FALSE(covered({"clients:read"}, {"clients:*"}));
  EXPECT_FALSE(covered({"clients:*:own"}, {"clients:update"}));
  EXPECT_FALSE(covered({"clients:read"}, {"clients:read", "users:read"}));
  EXPECT_FALSE(covered({"*"}, {"no grant"}));
}

TEST(PermissionsSaved, AreOfTheGrammar) {
  for (const char* good : {"*", "*:own", "clients:*", "clients:read", "clients:update:own", "clients:*:own",
                           "api_keys:rotate", "oauth2:read"}) {
    EXPECT_TRUE(check_grant(good, "/permissions/0")) << good;
  }
  for (const char* bad : {"", "clients", "clients:", ":read", "Clients:Read", "clients:read:mine", "a:b:c:d", "**",
                          "*:read", "clients:**", "clients:own", "clients:own:own", "clients :read", "clients:read ",
                          "clients:re-ad", "own", ":own", "cl\xC3\xA9:read"}) {
    const auto checked = check_grant(bad, "/permissions/0");
    ASSERT_FALSE(checked) << bad;
    EXPECT_EQ(checked.error().code, Errc::invalid);
    EXPECT_EQ(checked.error().fields.at(0).pointer, "/permissions/0");
  }
  EXPECT_FALSE(check_grant(std::string(99, 'a') + ":b", "/permissions/0"));
}

TEST(PermissionsOfKeys, DealNeitherWithPeopleNorWithEverything) {
  for (const char* good : {"clients:read", "clients:*", "clients:update:own", "clients:*:own", "events:publish",
                           "audit:read", "users_import:read"}) {
    EXPECT_TRUE(fits_a_key(good)) << good;
    EXPECT_FALSE(is_for_people(good)) << good;
  }
  for (const char* bad : {"*", "*:own", "users:read", "users:*:own", "roles:update", "api_keys:*", "api_keys:create",
                          "subscription:read", "clients", ""}) {
    EXPECT_FALSE(fits_a_key(bad)) << bad;
  }
}

}  // namespace
}  // namespace tenantry::tenancy::permissions_test
