#include "shared/tenancy/membership.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace tenantry::tenancy::membership_test {
namespace {

// The built-in roles, from the highest down; each may do all that the next may.
const std::array<Role, 5> ladder = {{
    {"owner", {"*"}},
    {"admin", {"users:*", "clients:*", "usage:*", "audit:*", "roles:*", "api_keys:*", "subscription:read"}},
    {"manager", {"clients:*", "usage:read", "audit:read", "users:read", "roles:read", "subscription:read"}},
    {"employee", {"clients:read", "clients:create", "usage:read"}},
    {"viewer", {"clients:read", "usage:read"}},
}};

std::string outcome(const Result<void>& result) {
  return result ? "ok" : result.error().reason;
}

// What the rules say of built-in roles, by their places on the ladder alone.
std::string expected_role_change(std::size_t actor, std::size_t from, std::size_t to) {
  if (actor > 1) return "permission_denied";  // only owners and admins hold users:update
  if ((from == 0 || to == 0) && actor != 0) return "owner_required";
  if (from < actor) return "role_above_own";
  if (to < actor) return "role_not_grantable";
  return "ok";
}

// Goal: every actor × target × new role of the five.
TEST(MayChange, RolesOverTheWholeTable) {
  int allowed = 0;
  for (std::size_t actor = 0; actor < ladder.size(); ++actor) {
    for (std::size_t from = 0; from < ladder.size(); ++from) {
      for (std::size_t to = 0; to < ladder.size(); ++to) {
        const auto result =
            outcome(may_change({"me", ladder[actor]},
                               {.act = Act::change_role, .target_id = "you", .role = ladder[from], .to = ladder[to]}));
        EXPECT_EQ(result, expected_role_change(actor, from, to)) << actor << from << to;
        allowed += result == "ok" ? 1 : 0;
      }
    }
  }
  EXPECT_EQ(allowed, 25 + 16);  // an owner anything, an admin all but what concerns owners
}

TEST(MayChange, ActsOnOthersByRole) {
  for (const auto act : {Act::deactivate, Act::reactivate, Act::remove}) {
    for (std::size_t actor = 0; actor < ladder.size(); ++actor) {
      for (std::size_t target = 0; target < ladder.size(); ++target) {
        const auto* const expected = actor > 1 ? "permission_denied" : target < actor ? "owner_required" : "ok";
        EXPECT_EQ(outcome(may_change({"me", ladder[actor]}, {.act = act, .target_id = "you", .role = ladder[target]})),
                  expected)
            << actor << target;
      }
    }
  }
}

TEST(MayChange, NobodyInvitesAboveTheOwnRole) {
  EXPECT_EQ(outcome(may_change({"me", ladder[0]}, {.act = Act::invite, .role = ladder[0]})), "ok");
  EXPECT_EQ(outcome(may_change({"me", ladder[1]}, {.act = Act::invite, .role = ladder[1]})), "ok");
  EXPECT_EQ(outcome(may_change({"me", ladder[1]}, {.act = Act::invite, .role = ladder[0]})), "owner_required");
  EXPECT_EQ(outcome(may_change({"me", ladder[2]}, {.act = Act::invite, .role = ladder[4]})), "permission_denied");
  const Role recruiter{"recruiter", {"users:invite", "clients:read"}};
  EXPECT_EQ(outcome(may_change({"me", recruiter}, {.act = Act::invite, .role = ladder[2]})), "role_not_grantable");
  EXPECT_EQ(outcome(may_change({"me", recruiter}, {.act = Act::invite, .role = {"reader", {"clients:read"}}})), "ok");
}

// Goal: what has an owner, invitations and keys, is reached where it is the actor's own; what has none is not.
TEST(MayChange, OwnReachesInvitationsAndKeysOfOnesOwn) {
  const Actor own{"me", {"desk", {"users:*:own", "roles:*:own", "api_keys:*:own", "clients:read"}}};
  const Actor all{"me", {"desk", {"users:*", "roles:*", "api_keys:*", "clients:read"}}};
  const Actor none{"me", {"desk", {"clients:read"}}};
  for (const auto act : {Act::invite, Act::create_key, Act::rotate_key, Act::revoke_key}) {
    SCOPED_TRACE(static_cast<int>(act));
    EXPECT_EQ(whose(own, act), "me");
    EXPECT_EQ(whose(all, act), std::nullopt);
    for (const bool ones_own : {true, false}) {
      const Change change{.act = act, .role = {"x", {"clients:read"}}, .own = ones_own};
      EXPECT_EQ(outcome(may_change(own, change)), ones_own ? "ok" : "permission_denied");
      EXPECT_EQ(outcome(may_change(all, change)), "ok");
      EXPECT_EQ(outcome(may_change(none, change)), "permission_denied");
    }
  }
  for (const auto act : {Act::change_role, Act::deactivate, Act::reactivate, Act::remove, Act::create_role,
                         Act::update_role, Act::delete_role}) {
    EXPECT_EQ(outcome(may_change(own, {.act = act, .target_id = "you", .role = {"x", {"clients:read"}}})),
              "permission_denied")
        << static_cast<int>(act);
  }
  // Nobody gives what they do not hold, their own or not.
  EXPECT_EQ(outcome(may_change(own, {.act = Act::create_key, .to = Role{"", {"clients:update"}}, .own = true})),
            "key_not_grantable");
  EXPECT_EQ(outcome(may_change(own, {.act = Act::rotate_key, .role = {"", {"clients:update"}}, .own = true})),
            "key_above_own");
}

// A tenant's own role is above another where it may do one thing more.
TEST(MayChange, OwnRolesAreWorthWhatTheyHold) {
  const Role keeper{"keeper", {"users:update", "clients:*"}};
  EXPECT_EQ(outcome(may_change({"me", keeper},
                               {.act = Act::deactivate, .target_id = "you", .role = {"x", {"clients:read"}}})),
            "ok");
  EXPECT_EQ(
      outcome(may_change({"me", keeper}, {.act = Act::deactivate, .target_id = "you", .role = {"x", {"usage:read"}}})),
      "role_above_own");
  EXPECT_EQ(outcome(may_change({"me", {"half", {"users:update:own", "clients:*"}}},
                               {.act = Act::deactivate, .target_id = "you", .role = {"x", {"clients:read"}}})),
            "permission_denied");
  // Everything but the name is not an owner.
  EXPECT_EQ(outcome(may_change({"me", {"king", {"*"}}}, {.act = Act::remove, .target_id = "you", .role = ladder[0]})),
            "owner_required");
}

TEST(MayChange, OneselfMayLeaveAndStepDownAndNothingElse) {
  const auto self = [](std::size_t role, Act act, std::optional<Role> to = std::nullopt) {
    return outcome(may_change({"me", ladder[role]}, {.act = act, .target_id = "me", .role = ladder[role], .to = to}));
  };
  for (std::size_t role = 0; role < ladder.size(); ++role) EXPECT_EQ(self(role, Act::remove), "ok");
  EXPECT_EQ(self(0, Act::deactivate), "own_membership");
  EXPECT_EQ(self(0, Act::reactivate), "own_membership");
  EXPECT_EQ(self(0, Act::transfer), "own_membership");
  EXPECT_EQ(self(0, Act::change_role, ladder[3]), "ok");
  EXPECT_EQ(self(1, Act::change_role, ladder[2]), "ok");
  EXPECT_EQ(self(1, Act::change_role, ladder[0]), "owner_required");
  EXPECT_EQ(self(3, Act::change_role, ladder[1]), "permission_denied");
  // An id that is nobody's is not oneself.
  EXPECT_EQ(outcome(may_change({"", ladder[0]}, {.act = Act::invite, .role = ladder[3]})), "ok");
}

// A role of the tenant's own that may do what the built-in one at that place may.
Role like(std::size_t place) {
  return {"own-" + ladder[place].name, ladder[place].permissions};
}

// Goal: every actor × role before × role after, of the five and none, for all that is done to roles.
TEST(MayChange, RolesOfTheTenantsOwnOverTheWholeTable) {
  const auto none = ladder.size();
  const auto above = [&](std::size_t actor, std::size_t place) { return place != none && place < actor; };
  int allowed = 0;
  for (std::size_t actor = 0; actor < ladder.size(); ++actor) {
    for (std::size_t from = 0; from <= none; ++from) {
      for (std::size_t to = 0; to <= none; ++to) {
        for (const auto act : {Act::create_role, Act::update_role, Act::delete_role}) {
          Change change{.act = act};
          if (from != none) change.role = like(from);
          if (to != none) change.to = like(to);
          const auto* const expected = actor > 1            ? "permission_denied"
                                       : above(actor, from) ? "role_above_own"
                                       : above(actor, to)   ? "role_not_grantable"
                                                            : "ok";
          const auto result = outcome(may_change({"me", ladder[actor]}, change));
          EXPECT_EQ(result, expected) << actor << from << to << static_cast<int>(act);
          allowed += result == "ok" ? 1 : 0;
        }
      }
    }
  }
  EXPECT_EQ(allowed, 3 * (36 + 25));
}

TEST(MayChange, WhoMakesRolesGivesNoMoreThanTheOwn) {
  const Role maker{"maker", {"roles:*", "clients:*:own", "usage:read"}};
  const auto to = [&](std::vector<std::string> permissions) {
    return outcome(may_change({"me", maker}, {.act = Act::create_role, .to = Role{"new", std::move(permissions)}}));
  };
  EXPECT_EQ(to({}), "ok");
  EXPECT_EQ(to({"usage:read", "clients:read:own"}), "ok");
  EXPECT_EQ(to({"roles:update"}), "ok");
  EXPECT_EQ(to({"clients:read"}), "role_not_grantable");
  EXPECT_EQ(to({"usage:read", "audit:read"}), "role_not_grantable");
  EXPECT_EQ(to({"*:own"}), "role_not_grantable");
  // A role of one's own is made no mightier than it was, nor is who has a deleted one made owner by another.
  EXPECT_EQ(outcome(may_change({"me", maker}, {.act = Act::update_role, .role = maker, .to = Role{"maker", {"*"}}})),
            "role_not_grantable");
  EXPECT_EQ(outcome(may_change({"me", {"king", {"*"}}}, {.act = Act::delete_role, .role = like(4), .to = ladder[0]})),
            "owner_required");
}

// Goal: every actor × what a key may do, for all that is done to keys.
TEST(MayChange, KeysOverTheWholeTable) {
  for (std::size_t actor = 0; actor < ladder.size(); ++actor) {
    for (std::size_t place = 0; place < ladder.size(); ++place) {
      const Role key{"", ladder[place].permissions};
      const bool may = actor <= 1;
      const bool above = place < actor;
      EXPECT_EQ(outcome(may_change({"me", ladder[actor]}, {.act = Act::create_key, .to = key})),
                !may    ? "permission_denied"
                : above ? "key_not_grantable"
                        : "ok");
      EXPECT_EQ(outcome(may_change({"me", ladder[actor]}, {.act = Act::rotate_key, .role = key})),
                !may    ? "permission_denied"
                : above ? "key_above_own"
                        : "ok");
      EXPECT_EQ(outcome(may_change({"me", ladder[actor]}, {.act = Act::revoke_key, .role = key})),
                !may ? "permission_denied" : "ok");
    }
  }
}

TEST(MayChange, OwnershipIsPassedOnByOwners) {
  for (std::size_t actor = 0; actor < ladder.size(); ++actor) {
    const auto* const expected = actor == 0 ? "ok" : actor == 1 ? "owner_required" : "permission_denied";
    const auto got =
        outcome(may_change({"me", ladder[actor]}, {.act = Act::transfer, .target_id = "you", .role = ladder[1]}));
    EXPECT_EQ(got, expected);
  }
}

TEST(MemberStates, MoveAsTheTableSays) {
  using S = MemberState;
  struct Row {
    Act act;
    std::array<std::optional<S>, 4> to;  // from invited, active, inactive, removed
  };
  const Row rows[] = {
      {Act::change_role, {std::nullopt, S::active, S::inactive, std::nullopt}},
      {Act::deactivate, {std::nullopt, S::inactive, std::nullopt, std::nullopt}},
      {Act::reactivate, {std::nullopt, std::nullopt, S::active, std::nullopt}},
      {Act::remove, {S::removed, S::removed, S::removed, std::nullopt}},
      {Act::transfer, {std::nullopt, S::active, std::nullopt, std::nullopt}},
      {Act::invite, {std::nullopt, std::nullopt, std::nullopt, S::active}},
  };
  static_assert(std::size(rows) + 6 == acts_count);  // those about roles and keys move no member
  for (const auto& row : rows) {
    for (std::size_t from = 0; from < row.to.size(); ++from) {
      const auto next = next_state(static_cast<S>(from), row.act);
      ASSERT_EQ(next.has_value(), row.to[from].has_value()) << static_cast<int>(row.act) << from;
      if (next) {
        EXPECT_EQ(*next, *row.to[from]);
      } else {
        EXPECT_EQ(next.error().reason, "wrong_member_state");
      }
    }
  }
}

TEST(InvitationStates, MoveAsTheTableSays) {
  using S = InvitationState;
  using A = InvitationAct;
  const auto now = from_unix_seconds(1'800'000'000);
  struct Row {
    S state;
    bool over;
    A act;
    const char* answer;  // the state after it, or why not
  };
  const Row rows[] = {
      {S::pending, false, A::open, "pending"},
      {S::pending, false, A::accept, "accepted"},
      {S::pending, false, A::decline, "declined"},
      {S::pending, false, A::revoke, "revoked"},
      {S::pending, false, A::resend, "pending"},
      {S::pending, true, A::open, "invitation_expired"},
      {S::pending, true, A::accept, "invitation_expired"},
      {S::pending, true, A::decline, "invitation_expired"},
      {S::pending, true, A::revoke, "invitation_expired"},
      {S::pending, true, A::resend, "pending"},
      {S::expired, true, A::accept, "invitation_expired"},
      {S::expired, true, A::resend, "pending"},
      {S::accepted, false, A::open, "invitation_used"},
      {S::accepted, false, A::accept, "invitation_used"},
      {S::accepted, false, A::revoke, "invitation_used"},
      {S::accepted, true, A::resend, "invitation_used"},
      {S::declined, false, A::accept, "invitation_declined"},
      {S::declined, false, A::resend, "invitation_declined"},
      {S::revoked, false, A::accept, "invitation_revoked"},
      {S::revoked, false, A::revoke, "invitation_revoked"},
      {S::revoked, false, A::resend, "invitation_revoked"},
  };
  for (const auto& row : rows) {
    const auto decided = decide(row.state, row.over ? now : now + Seconds{1}, row.act, now);
    EXPECT_EQ(decided ? std::string(to_string(*decided)) : decided.error().reason, row.answer)
        << to_string(row.state) << row.over << static_cast<int>(row.act);
  }
}

// -1 s, the moment itself, +1 s.
TEST(InvitationStates, EndAtTheSecond) {
  const auto end = from_unix_seconds(1'800'000'000);
  const auto accepted = [&](Timestamp now) {
    return decide(InvitationState::pending, end, InvitationAct::accept, now).has_value();
  };
  EXPECT_TRUE(accepted(end - Seconds{1}));
  EXPECT_FALSE(accepted(end));
  EXPECT_FALSE(accepted(end + Seconds{1}));
}

TEST(States, AreWrittenAndRead) {
  for (const auto* name : {"invited", "active", "inactive", "removed"}) {
    EXPECT_EQ(to_string(member_state_from(name).value()), name);
  }
  for (const auto* name : {"pending", "accepted", "declined", "revoked", "expired"}) {
    EXPECT_EQ(to_string(invitation_state_from(name).value()), name);
  }
  EXPECT_FALSE(member_state_from("Active"));
  EXPECT_FALSE(invitation_state_from(""));
}

TEST(Room, IsTheLimitOrUnlimited) {
  EXPECT_TRUE(has_room(5, 4));
  EXPECT_FALSE(has_room(5, 5));
  EXPECT_FALSE(has_room(5, 6));
  EXPECT_TRUE(has_room(-1, 1'000'000));
  EXPECT_FALSE(has_room(0, 0));
}

}  // namespace
}  // namespace tenantry::tenancy::membership_test
