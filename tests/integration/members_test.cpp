// Goal: people of a tenant as the rules say it, whoever does what at once: invitations are
// used once and by whom they are for, seats are counted exactly, an owner always stays.
// Method: the functions of shared/tenancy/members in transactions of the gateway's role.
#include "shared/tenancy/members.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "shared/crypto/link_token.h"
#include "shared/db/run.h"
#include "shared/messaging/outbox.h"
#include "tenantry/events/v1/people.pb.h"
#include "tests/integration/lane_harness.h"

namespace tenantry::tenancy::members_test {
namespace {

namespace v1 = events::v1;
using testing::must;
using testing::TestDatabase;

constexpr const char* acme = "acme";

class Members : public ::testing::Test {
 protected:
  Members() {
    database.add_tenant(acme);
    owner = add_member("owner@acme.test", "owner");
  }

  std::string add_user(const std::string& email, bool with_password = true) {
    const auto id = ids.next().to_string();
    database.exec("superuser",
                  "INSERT INTO platform.users (user_id, email, first_name, last_name, password_hash, created_at) "
                  "VALUES ($1, $2, 'Zoé', 'Martin', $3, now())",
                  {id, email, with_password ? db::Param("$argon2id$") : db::Param(nullptr)});
    return id;
  }
  std::string add_member(const std::string& email, const std::string& role) {
    const auto id = add_user(email);
    database.exec("superuser",
                  "INSERT INTO platform.memberships (tenant_id, user_id, role, state_since, created_at) "
                  "VALUES ($1, $2, $3, now(), now())",
                  {acme, id, role});
    return id;
  }
  void set_limit(int users_max) {
    database.exec(
        "superuser",
        "INSERT INTO platform.overrides VALUES ($1, 'users_max', to_jsonb($2::int)) ON CONFLICT (tenant_id, name) "
        "DO UPDATE SET value = excluded.value",
        {acme, users_max});
  }

  // In one transaction with its outbox, as the gateway does it.
  template <class T, class F>
  Result<T> run(db::Connection& through, const F& work, const std::string& actor = "test") {
    std::optional<T> out;
    const auto done = db::run(through, {}, [&](db::Transaction& tx) -> Result<void> {
      messaging::Outbox outbox("/tenantry/gateway", {.kind = "user", .id = actor}, ids, clock.now());
      auto result = work(tx, outbox);
      if (!result) return result.error();
      if constexpr (std::is_same_v<decltype(result), Result<void>>) {
        out.emplace();
      } else {
        out = *std::move(result);
      }
      outbox.flush(tx);
      return {};
    });
    if (!done) return done.error();
    return *std::move(out);
  }
  struct Done {};

  Result<Invitation> invite_as(const std::string& actor, const std::string& email, const std::string& role) {
    return run<Invitation>(connection, [&](auto& tx, auto& outbox) {
      return invite(tx, outbox, ids, tokens, {.tenant_id = acme, .email = email, .role = role, .inviter_id = actor});
    });
  }
  Invitation invited(const std::string& email, const std::string& role = "viewer") {
    return must(invite_as(owner, email, role));
  }
  std::string token_of(const Invitation& invitation) {
    return tokens.make(crypto::LinkPurpose::invitation, invitation.invitation_id, invitation.sendings);
  }
  static Acceptance by_new_person(const std::string& token) {
    return {.token = token, .person = NewPerson{"Paul", "Durand", "fr", "$argon2id$new"}, .by = {}};
  }
  Result<Accepted> accept(db::Connection& through, const Acceptance& acceptance) {
    return run<Accepted>(through,
                         [&](auto& tx, auto& outbox) { return accept_invitation(tx, outbox, ids, acceptance); });
  }
  Result<Accepted> accept(const Acceptance& acceptance) { return accept(connection, acceptance); }
  Result<Invitation> resend(const Invitation& invitation, const std::string& actor) {
    return run<Invitation>(connection, [&](auto& tx, auto& outbox) {
      return resend_invitation(tx, outbox, tokens, {acme, invitation.invitation_id, actor});
    });
  }
  Result<Invitation> resend(const Invitation& invitation) { return resend(invitation, owner); }
  Result<Done> revoke(db::Connection& through, const Invitation& invitation, const std::string& actor) {
    return run<Done>(through, [&](auto& tx, auto& outbox) {
      return revoke_invitation(tx, outbox, {acme, invitation.invitation_id, actor});
    });
  }
  Result<Done> decline(const std::string& token) {
    return run<Done>(connection, [&](auto& tx, auto& outbox) { return decline_invitation(tx, outbox, token); });
  }
  Result<MemberAfter> change(db::Connection& through, const std::string& actor, const std::string& target, Act act,
                             const std::string& role = {}) {
    return run<MemberAfter>(
        through,
        [&](auto& tx, auto& outbox) {
          return change_member(tx, outbox, {acme, actor, target, act, role});
        },
        actor);
  }
  Result<MemberAfter> change(const std::string& actor, const std::string& target, Act act,
                             const std::string& role = {}) {
    return change(connection, actor, target, act, role);
  }
  Result<Done> transfer(const std::string& actor, const std::string& target, bool leaves = false) {
    return run<Done>(connection, [&](auto& tx, auto& outbox) {
      return transfer_ownership(tx, outbox, {acme, actor, target, leaves});
    });
  }
  template <class T>
  static std::string reason(const Result<T>& result) {
    if (result) return "ok";
    return result.error().fields.empty() ? result.error().reason : result.error().fields.front().code;
  }

  std::string member(const std::string& user_id) {
    return database.value(
        "SELECT coalesce((SELECT role || ' ' || state FROM platform.memberships WHERE tenant_id = $1 "
        "AND user_id = $2), 'none')",
        {acme, user_id});
  }
  std::string count(const std::string& of) { return database.value("SELECT count(*)::text FROM " + of); }
  // The first event of the type that waits to be published.
  template <class M>
  M event(const std::string& type) {
    M message;
    const auto payload = database.value(
        "SELECT coalesce((SELECT encode(payload, 'hex') FROM messaging.outbox WHERE type = $1 ORDER BY id LIMIT 1), "
        "'')",
        {type});
    EXPECT_TRUE(message.ParseFromString(std::string(as_text(must(from_hex(payload)))))) << type;
    EXPECT_NE(payload, "") << type;
    return message;
  }
  std::string timers() {
    return database.value("SELECT count(*)::text FROM messaging.outbox WHERE type = 'invitation.expired'");
  }

  ManualClock clock{from_unix_seconds(1'800'000'000)};
  SystemIdGenerator ids{clock};
  TestDatabase database;
  db::Connection connection{database.url("gateway"), "test"};
  crypto::LinkTokens tokens{crypto::MasterKey::from_base64(to_base64(Bytes(32, 5))).value()};
  std::string owner;
};

TEST_F(Members, ANewPersonJoinsByTheTokenAndOnlyOnce) {
  const auto invitation = invited("paul@durand.test", "manager");
  const auto opened = run<OpenedInvitation>(
      connection, [&](auto& tx, auto& outbox) { return open_invitation(tx, token_of(invitation), outbox.now()); });
  EXPECT_EQ(must(opened).inviter_name, "Zoé Martin");
  EXPECT_EQ(timers(), "1");
  EXPECT_EQ(reason(accept({.token = token_of(invitation), .by = {}})), "required");

  const auto accepted = must(accept(by_new_person(token_of(invitation))));
  EXPECT_EQ(accepted.role, "manager");
  EXPECT_EQ(member(accepted.user_id), "manager active");
  EXPECT_EQ(database.value(
                "SELECT first_name || ' ' || (email_verified_at IS NOT NULL) FROM platform.users WHERE user_id = $1",
                {accepted.user_id}),
            "Paul true");
  EXPECT_EQ(timers(), "0");
  EXPECT_EQ(reason(accept(by_new_person(token_of(invitation)))), "invitation_used");
  EXPECT_EQ(
      database.value("SELECT headers->>'cloudEvents_actor' FROM messaging.outbox WHERE type = 'membership.created'"),
      "user:" + accepted.user_id);
}

// Whoever can read every table, and every event that waits, finds no token in them.
TEST_F(Members, NoTableHoldsATokenThatWasSent) {
  const auto invitation = invited("paul@durand.test");
  const auto secret = token_of(invitation).substr(4);
  db::Transaction tx(connection);
  db::Connection all(database.url("superuser"), "test");
  db::Transaction looking(all);
  int searched = 0;
  for (const auto row :
       looking.exec("SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
                    "c.relkind = 'r' AND n.nspname IN ('platform', 'messaging', 'audit', 'notification')")) {
    const auto found = looking.exec_once("SELECT count(*) FROM " + std::string(row.text(0)) +
                                             " t WHERE t::text LIKE '%' || $1 || '%' OR t::text LIKE '%' || "
                                             "encode(convert_to($1, 'UTF8'), 'hex') || '%'",
                                         std::vector<db::Param>{db::Param(secret)});
    EXPECT_EQ(found[0].int64(0), 0) << row.text(0);
    ++searched;
  }
  EXPECT_GT(searched, 20);
  EXPECT_EQ(count("platform.invitations WHERE token_hash = sha256('" + token_of(invitation) + "')"), "1");
}

TEST_F(Members, AKnownPersonLogsInAndNobodyElseAccepts) {
  const auto paul = add_user("paul@durand.test");
  const auto other = add_user("other@durand.test");
  const auto token = token_of(invited("paul@durand.test"));
  EXPECT_EQ(reason(accept(by_new_person(token))), "login_required");
  EXPECT_EQ(reason(accept({.token = token, .user_id = other, .by = {}})), "wrong_account");
  EXPECT_EQ(reason(accept({.token = token, .user_id = owner, .by = {}})), "wrong_account");
  EXPECT_EQ(count("platform.memberships"), "1");
  EXPECT_EQ(must(accept({.token = token, .user_id = paul, .by = {}})).user_id, paul);
  EXPECT_EQ(member(paul), "viewer active");
}

// What an admin is told, does, or how long it takes says nothing of who has an account elsewhere.
TEST_F(Members, AnInvitationOfAKnownAddressIsLikeAnyOther) {
  add_user("known@durand.test");
  const auto known = invited("known@durand.test");
  const auto unknown = invited("unknown@durand.test");
  EXPECT_EQ(known.state, unknown.state);
  EXPECT_EQ(known.expires_at, unknown.expires_at);
  EXPECT_EQ(count("platform.users WHERE email = 'unknown@durand.test'"), "0");
}

TEST_F(Members, EachEndOfAnInvitationHasItsReason) {
  EXPECT_EQ(reason(accept(by_new_person("inv_nobody-made-this"))), "invitation_not_found");

  const auto revoked = invited("a@durand.test");
  must(revoke(connection, revoked, owner));
  EXPECT_EQ(reason(accept(by_new_person(token_of(revoked)))), "invitation_revoked");
  EXPECT_EQ(reason(resend(revoked)), "invitation_revoked");

  const auto declined = invited("b@durand.test");
  must(decline(token_of(declined)));
  EXPECT_EQ(reason(accept(by_new_person(token_of(declined)))), "invitation_declined");
  EXPECT_EQ(event<v1::InvitationDeclined>("invitation.declined").email(), "b@durand.test");

  const auto late = invited("c@durand.test");
  clock.advance(Days{7});
  EXPECT_EQ(reason(accept(by_new_person(token_of(late)))), "invitation_expired");
  const auto again = must(resend(late));
  EXPECT_EQ(again.invitation_id, late.invitation_id);
  EXPECT_EQ(reason(accept(by_new_person(token_of(late)))), "invitation_not_found");  // the token sent before is dead
  const auto joined = must(accept(by_new_person(token_of(again))));
  EXPECT_EQ(reason(invite_as(owner, "c@durand.test", "viewer")), "already_member");

  const auto twice = invited("d@durand.test");
  EXPECT_EQ(reason(invite_as(owner, "d@durand.test", "viewer")), "already_invited");
  must(change(owner, joined.user_id, Act::deactivate));
  EXPECT_EQ(reason(invite_as(owner, "c@durand.test", "viewer")), "already_member");
  EXPECT_EQ(reason(invite_as(owner, "e@durand.test", "emperor")), "unknown_role");
  database.exec("superuser", "UPDATE platform.tenants SET status = 'cancelled'");
  EXPECT_EQ(reason(accept(by_new_person(token_of(twice)))), "invitation_not_found");
  EXPECT_EQ(count("platform.memberships"), "2");
}

TEST_F(Members, AnExpiredInvitationIsInNobodysWay) {
  set_limit(2);
  invited("paul@durand.test");
  EXPECT_EQ(reason(invite_as(owner, "zoe@durand.test", "viewer")), "user_limit_reached");
  clock.advance(Days{7});
  const auto again = invited("paul@durand.test");
  must(accept(by_new_person(token_of(again))));
}

TEST_F(Members, IsSentAgainFiveTimesADayAtMost) {
  auto invitation = invited("paul@durand.test");
  for (int i = 2; i <= 5; ++i) {
    invitation = must(resend(invitation));
    EXPECT_EQ(invitation.sendings, i);
  }
  EXPECT_EQ(reason(resend(invitation)), "too_many_sendings");
  clock.advance(Days{1});
  invitation = must(resend(invitation));
  EXPECT_EQ(invitation.expires_at, clock.now() + Days{7});
  EXPECT_EQ(timers(), "1");
  must(accept(by_new_person(token_of(invitation))));
}

TEST_F(Members, WhoWasRemovedMayBeInvitedAgain) {
  const auto paul = add_member("paul@durand.test", "admin");
  must(change(owner, paul, Act::remove));
  EXPECT_EQ(member(paul), "admin removed");
  EXPECT_EQ(reason(change(owner, paul, Act::reactivate)), "user_not_found");
  const auto token = token_of(invited("paul@durand.test", "viewer"));
  must(accept({.token = token, .user_id = paul, .by = {}}));
  EXPECT_EQ(member(paul), "viewer active");
}

TEST_F(Members, ChangesAreToldWithWhatWasAndIs) {
  const auto paul = add_member("paul@durand.test", "manager");
  const auto after = must(change(owner, paul, Act::change_role, "viewer"));
  EXPECT_TRUE(after.changed);
  EXPECT_EQ(event<v1::MembershipRoleChanged>("membership.role_changed").old_role(), "manager");
  EXPECT_EQ(event<v1::MembershipRoleChanged>("membership.role_changed").new_role(), "viewer");
  EXPECT_FALSE(must(change(owner, paul, Act::change_role, "viewer")).changed);
  EXPECT_EQ(count("messaging.outbox WHERE type = 'membership.role_changed'"), "1");
  must(change(owner, paul, Act::deactivate));
  EXPECT_EQ(reason(change(paul, paul, Act::remove)), "not_a_member");
  must(change(owner, paul, Act::reactivate));
  must(change(paul, paul, Act::remove));
  EXPECT_TRUE(event<v1::MembershipRemoved>("membership.removed").left());
  EXPECT_GE(std::stoi(count("messaging.outbox WHERE type = 'platform.tenant_changed'")), 4);
}

TEST_F(Members, OfWhoIsGoneNoSessionIsLeft) {
  const auto paul = add_member("paul@durand.test", "manager");
  database.exec("superuser",
                "INSERT INTO platform.sessions SELECT gen_random_uuid(), $1, $2, now(), now(), now(), $3 FROM "
                "generate_series(1, 2)",
                {paul, acme, clock.now() + Days{30}});
  database.exec("superuser",
                "INSERT INTO platform.refresh_tokens (token_hash, user_id, tenant_id, family, expires_at, created_at) "
                "SELECT sha256('x'), user_id, tenant_id, session_id, now(), now() FROM platform.sessions LIMIT 1");
  must(change(owner, paul, Act::change_role, "viewer"));
  EXPECT_EQ(count("platform.sessions WHERE ended_at IS NULL"), "2");  // a role that changes logs nobody out
  must(change(owner, paul, Act::deactivate));
  EXPECT_EQ(count("platform.sessions WHERE ended_at IS NULL"), "0");
  EXPECT_EQ(count("platform.refresh_tokens"), "0");
}

// Goal: {own, another's, another tenant's, absent}: who may invite for oneself deals with what one has sent oneself,
// and the others are as if they were not there.
TEST_F(Members, WhoInvitesForOneselfTakesBackNoOthersInvitation) {
  database.exec("superuser",
                "INSERT INTO platform.custom_roles (tenant_id, role, description, permissions, created_at, updated_at) "
                "VALUES ($1, 'recruiter', '', '{users:invite:own,clients:read}', now(), now()), "
                "($1, 'reader', '', '{clients:read}', now(), now())",
                {acme});
  const auto recruiter = add_member("recruiter@acme.test", "recruiter");
  EXPECT_EQ(reason(invite_as(recruiter, "a@durand.test", "viewer")), "role_not_grantable");
  const auto mine = must(invite_as(recruiter, "a@durand.test", "reader"));
  const auto others = invited("b@durand.test", "reader");
  database.add_tenant("globex");
  auto elsewhere = others;
  elsewhere.invitation_id = ids.next();
  database.exec(
      "superuser",
      "INSERT INTO platform.invitations (invitation_id, tenant_id, email, role, locale, state, token_hash, "
      "sendings, sent_at, invited_by, created_at, expires_at) SELECT $1, 'globex', email, role, locale, state, "
      "sha256('x'), 1, sent_at, $2, created_at, expires_at FROM platform.invitations WHERE invitation_id = $3",
      {elsewhere.invitation_id, recruiter, others.invitation_id});
  auto absent = others;
  absent.invitation_id = ids.next();
  for (const auto& invitation : {others, elsewhere, absent}) {
    EXPECT_EQ(reason(revoke(connection, invitation, recruiter)), "invitation_not_found");
    EXPECT_EQ(reason(resend(invitation, recruiter)), "invitation_not_found");
  }
  EXPECT_EQ(reason(resend(mine, recruiter)), "ok");
  EXPECT_EQ(reason(revoke(connection, mine, recruiter)), "ok");
  EXPECT_EQ(reason(revoke(connection, others, owner)), "ok");
}

TEST_F(Members, SessionsOfAnotherAreEndedByWhoMayLockOut) {
  const auto paul = add_member("paul@durand.test", "manager");
  const auto admin = add_member("admin@acme.test", "admin");
  database.add_tenant("globex");
  for (const char* tenant : {acme, "globex"}) {
    database.exec("superuser",
                  "INSERT INTO platform.sessions SELECT gen_random_uuid(), $1, $2, now(), now(), now(), $3",
                  {paul, tenant, clock.now() + Days{30}});
  }
  const auto end = [&](const std::string& actor, const std::string& target) {
    return reason(run<std::int64_t>(
        connection, [&](auto& tx, auto& outbox) { return end_member_sessions(tx, outbox, acme, actor, target); }));
  };
  EXPECT_EQ(end(paul, admin), "permission_denied");
  EXPECT_EQ(end(admin, owner), "owner_required");
  EXPECT_EQ(end(admin, paul), "ok");
  EXPECT_EQ(event<v1::SessionsEnded>("session.revoked").count(), 1);
  EXPECT_EQ(database.value("SELECT string_agg(tenant_id, ' ') FROM platform.sessions WHERE ended_at IS NULL"),
            "globex");
}

TEST_F(Members, TheLastOwnerStays) {
  EXPECT_EQ(reason(change(owner, owner, Act::remove)), "last_owner");
  EXPECT_EQ(reason(change(owner, owner, Act::change_role, "admin")), "last_owner");
  const auto second = add_member("second@acme.test", "owner");
  must(change(owner, second, Act::deactivate));
  EXPECT_EQ(reason(change(owner, owner, Act::remove)), "last_owner");  // who is deactivated does not count
  must(change(owner, second, Act::reactivate));
  must(change(owner, owner, Act::remove));
  EXPECT_EQ(member(owner), "owner removed");
}

TEST_F(Members, OwnershipIsPassedOnInOneStep) {
  const auto admin = add_member("admin@acme.test", "admin");
  const auto viewer = add_member("viewer@acme.test", "viewer");
  EXPECT_EQ(reason(transfer(admin, owner)), "owner_required");
  EXPECT_EQ(reason(transfer(owner, viewer)), "not_an_admin");
  EXPECT_EQ(reason(transfer(owner, owner)), "own_membership");
  EXPECT_EQ(reason(transfer(owner, ids.next().to_string())), "user_not_found");
  EXPECT_EQ(reason(transfer(owner, "no uuid")), "user_not_found");
  must(transfer(owner, admin));
  EXPECT_EQ(member(owner) + ", " + member(admin), "admin active, owner active");
  EXPECT_EQ(reason(transfer(owner, admin)), "owner_required");  // the loser of a race
  must(transfer(admin, owner, true));
  EXPECT_EQ(member(owner) + ", " + member(admin), "owner active, admin removed");
}

// ---- by the platform, which is no member

class MembersByThePlatform : public Members {
 protected:
  Result<Appointed> appoint(const std::string& email, const std::string& why = "the owner has left") {
    return run<Appointed>(connection, [&](auto& tx, auto& outbox) {
      return appoint_owner(tx, outbox, ids, tokens, {.tenant_id = acme, .email = email, .reason = why});
    });
  }
  void forget_events() { database.exec("superuser", "DELETE FROM messaging.outbox"); }
};

TEST_F(MembersByThePlatform, AMemberIsOwnerAtOnce) {
  const auto paul = add_member("paul@acme.test", "employee");
  EXPECT_EQ(must(appoint("paul@acme.test")).user_id, paul);
  EXPECT_EQ(member(paul) + ", " + member(owner), "owner active, owner active");
  const auto told = event<v1::OwnerAppointed>("membership.owner_appointed");
  EXPECT_EQ(told.user_id() + " " + told.old_role() + " " + told.old_state(), paul + " employee active");
  EXPECT_EQ(told.reason(), "the owner has left");
  EXPECT_EQ(reason(appoint("paul@acme.test")), "already_owner");
  // One who was locked out, too: nobody else may be left.
  const auto anna = add_member("anna@acme.test", "owner");
  must(change(owner, anna, Act::deactivate));
  must(appoint("anna@acme.test"));
  EXPECT_EQ(member(anna), "owner active");
}

TEST_F(MembersByThePlatform, AnybodyElseIsInvitedToBeOwner) {
  set_limit(1);  // and the only seat is the lost owner's
  const auto appointed = must(appoint("new@acme.test"));
  ASSERT_TRUE(appointed.invitation);
  EXPECT_EQ(appointed.invitation->role, "owner");
  EXPECT_EQ(event<v1::UserInvited>("user.invited").reason(), "the owner has left");
  EXPECT_EQ(event<v1::OwnerAppointed>("membership.owner_appointed").user_id(), "");
  // Asked again, it is sent again: the link that was sent before is dead.
  const auto again = must(appoint("new@acme.test"));
  EXPECT_EQ(again.invitation->invitation_id, appointed.invitation->invitation_id);
  EXPECT_EQ(again.invitation->sendings, 2);
  EXPECT_EQ(reason(accept(by_new_person(token_of(*appointed.invitation)))), "invitation_not_found");
  const auto joined = must(accept(by_new_person(token_of(*again.invitation))));
  EXPECT_EQ(member(joined.user_id), "owner active");
}

TEST_F(MembersByThePlatform, AnInvitationForLessGivesWay) {
  const auto before = invited("paul@acme.test", "viewer");
  const auto appointed = must(appoint("paul@acme.test"));
  EXPECT_EQ(count("platform.invitations WHERE state = 'pending'"), "1");
  EXPECT_EQ(event<v1::InvitationRevoked>("invitation.revoked").reason(), "the owner has left");
  EXPECT_EQ(reason(accept(by_new_person(token_of(before)))), "invitation_revoked");
  EXPECT_EQ(member(must(accept(by_new_person(token_of(*appointed.invitation)))).user_id), "owner active");
}

TEST_F(MembersByThePlatform, NobodyIsLetIntoWhatHasEnded) {
  const auto paul = add_member("paul@acme.test", "employee");
  database.exec("superuser", "UPDATE platform.tenants SET status = 'cancelled'");
  EXPECT_EQ(reason(appoint("new@acme.test")), "tenant_ended");
  must(appoint("paul@acme.test"));  // who is to export, or to take it up again
  EXPECT_EQ(member(paul), "owner active");
  database.exec("superuser", "UPDATE platform.tenants SET status = 'deleted'");
  EXPECT_EQ(reason(appoint("paul@acme.test")), "tenant_ended");
}

// Above all roles, and bound by all that binds a tenant: its seats, its last owner, who is a member already.
TEST_F(MembersByThePlatform, KeepsWhatTheTenantKeeps) {
  set_limit(2);
  const auto as_platform = [&](const std::string& email) {
    return reason(run<Invitation>(connection, [&](auto& tx, auto& outbox) {
      return invite(tx, outbox, ids, tokens,
                    {.tenant_id = acme,
                     .email = email,
                     .role = "admin",
                     .inviter_id = std::string(the_platform),
                     .reason = "asked"});
    }));
  };
  EXPECT_EQ(as_platform("owner@acme.test"), "already_member");
  EXPECT_EQ(as_platform("one@acme.test"), "ok");
  EXPECT_EQ(as_platform("two@acme.test"), "user_limit_reached");
  const std::string platform(the_platform);
  EXPECT_EQ(reason(change(platform, owner, Act::remove)), "last_owner");
  EXPECT_EQ(reason(change(platform, owner, Act::change_role, "admin")), "last_owner");
  EXPECT_EQ(reason(change("", owner, Act::change_role, "admin")), "not_a_member")
      << "an id that is missing is nobody's";
  const auto second = add_member("second@acme.test", "owner");
  forget_events();
  must(run<MemberAfter>(connection, [&](auto& tx, auto& outbox) {
    return change_member(tx, outbox, {acme, platform, second, Act::change_role, "admin", "not theirs"});
  }));
  const auto told = event<v1::MembershipRoleChanged>("membership.role_changed");
  EXPECT_EQ(told.old_role() + " " + told.new_role() + " " + told.reason(), "owner admin not theirs");
}

// ---- at once
// ---------------------------------------------------------------------------------------------------------

class MembersAtOnce : public Members {
 protected:
  // Runs `count` of them on connections of their own, begun together; what each said.
  std::vector<std::string> at_once(std::size_t count,
                                   const std::function<std::string(std::size_t, db::Connection&)>& one) {
    std::vector<std::string> out(count);
    std::vector<std::thread> threads;
    std::atomic<std::size_t> ready{0};
    for (std::size_t i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        db::Connection own(database.url("gateway"), "test");
        EXPECT_TRUE(testing::eventually([&] { return connects(own); }));
        ready.fetch_add(1);
        while (ready.load() < count) std::this_thread::yield();
        out[i] = one(i, own);
      });
    }
    for (auto& thread : threads) thread.join();
    return out;
  }
  // So many at once may wait for their turn longer than one connection is waited for.
  static bool connects(db::Connection& connection) {
    try {
      db::Transaction(connection).exec("SELECT 1");
      return true;
    } catch (const db::Unavailable&) {
      return false;
    }
  }
  static std::size_t times(const std::vector<std::string>& all, const std::string& one) {
    return static_cast<std::size_t>(std::ranges::count(all, one));
  }
};

TEST_F(MembersAtOnce, OneOfTwoAcceptsWins) {
  const auto paul = add_user("paul@durand.test");
  const auto token = token_of(invited("paul@durand.test"));
  const auto said = at_once(4, [&](std::size_t, db::Connection& own) {
    return reason(accept(own, {.token = token, .user_id = paul, .by = {}}));
  });
  EXPECT_EQ(times(said, "ok"), 1U);
  EXPECT_EQ(times(said, "invitation_used"), 3U);
  EXPECT_EQ(count("platform.memberships WHERE user_id = '" + paul + "'"), "1");
}

TEST_F(MembersAtOnce, OneOfAcceptAndRevokeWins) {
  set_limit(100);  // whoever wins each time
  for (int round = 0; round < 8; ++round) {
    const auto invitation = invited("paul" + std::to_string(round) + "@durand.test");
    const auto token = token_of(invitation);
    const auto said = at_once(2, [&](std::size_t i, db::Connection& own) {
      return i == 0 ? reason(accept(own, by_new_person(token))) : reason(revoke(own, invitation, owner));
    });
    EXPECT_EQ(times(said, "ok"), 1U) << said[0] << " " << said[1];
    const bool joined = count("platform.memberships m JOIN platform.users u USING (user_id) WHERE u.email = '" +
                              invitation.email + "'") == "1";
    EXPECT_EQ(joined, said[0] == "ok");
  }
}

TEST_F(MembersAtOnce, ThirtyAcceptsOnAPlanOfTwentyFiveGiveTwentyFive) {
  set_limit(100);
  std::vector<std::string> sent;
  for (int i = 0; i < 30; ++i) sent.push_back(token_of(invited("guest" + std::to_string(i) + "@durand.test")));
  set_limit(25);
  const auto said =
      at_once(30, [&](std::size_t i, db::Connection& own) { return reason(accept(own, by_new_person(sent[i]))); });
  EXPECT_EQ(times(said, "ok"), 24U);  // with the owner
  EXPECT_EQ(times(said, "user_limit_reached"), 6U);
  EXPECT_EQ(count("platform.memberships WHERE state = 'active'"), "25");
}

TEST_F(MembersAtOnce, InvitationsFillTheSeatsAndNoMore) {
  set_limit(10);
  const auto said = at_once(16, [&](std::size_t i, db::Connection& own) {
    return reason(run<Invitation>(own, [&](auto& tx, auto& outbox) {
      return invite(tx, outbox, ids, tokens,
                    {.tenant_id = acme,
                     .email = "guest" + std::to_string(i) + "@durand.test",
                     .role = "viewer",
                     .inviter_id = owner});
    }));
  });
  EXPECT_EQ(times(said, "ok"), 9U);
  EXPECT_EQ(times(said, "user_limit_reached"), 7U);
}

TEST_F(MembersAtOnce, TwoOwnersWhoDemoteEachOtherLeaveOne) {
  auto second = add_member("second@acme.test", "owner");
  for (int round = 0; round < 8; ++round) {
    const auto said = at_once(2, [&](std::size_t i, db::Connection& own) {
      return reason(change(own, i == 0 ? owner : second, i == 0 ? second : owner, Act::change_role, "admin"));
    });
    EXPECT_EQ(times(said, "ok"), 1U) << said[0] << " " << said[1];
    EXPECT_EQ(count("platform.memberships WHERE role = 'owner' AND state = 'active'"), "1");
    database.exec("superuser", "UPDATE platform.memberships SET role = 'owner'");
  }
}

TEST_F(MembersAtOnce, TwoTransfersLeaveOneOwner) {
  const auto left = add_member("left@acme.test", "admin");
  const auto right = add_member("right@acme.test", "admin");
  for (int round = 0; round < 8; ++round) {
    const auto said = at_once(2, [&](std::size_t i, db::Connection& own) {
      return reason(run<Done>(own, [&](auto& tx, auto& outbox) {
        return transfer_ownership(tx, outbox, {acme, owner, i == 0 ? left : right, false});
      }));
    });
    EXPECT_EQ(times(said, "ok"), 1U) << said[0] << " " << said[1];
    EXPECT_EQ(times(said, "owner_required"), 1U) << said[0] << " " << said[1];
    EXPECT_EQ(count("platform.memberships WHERE role = 'owner' AND state = 'active'"), "1");
    database.exec("superuser",
                  "UPDATE platform.memberships SET role = CASE WHEN user_id = $1 THEN 'owner' ELSE 'admin' END",
                  {owner});
  }
}

// The second net: code that locks and asks nothing.
TEST_F(MembersAtOnce, TheDatabaseItselfKeepsAnOwner) {
  const auto second = add_member("second@acme.test", "owner");
  const char* const ways[] = {"UPDATE platform.memberships SET role = 'admin' WHERE user_id = $1",
                              "UPDATE platform.memberships SET state = 'inactive' WHERE user_id = $1",
                              "DELETE FROM platform.memberships WHERE user_id = $1"};
  for (const char* way : ways) {
    // Both have done it before either commits.
    std::atomic<int> done{0};
    const auto said = at_once(2, [&](std::size_t i, db::Connection& own) -> std::string {
      try {
        db::Transaction tx(own);
        tx.exec(way, {i == 0 ? owner : second});
        done.fetch_add(1);
        while (done.load() < 2) std::this_thread::yield();
        tx.commit();
        return "ok";
      } catch (const db::StatementError& error) {
        return error.constraint;
      }
    });
    EXPECT_EQ(times(said, "ok"), 1U) << way;
    EXPECT_EQ(times(said, "memberships_keep_an_owner"), 1U) << way << " " << said[0] << " " << said[1];
    EXPECT_EQ(count("platform.memberships WHERE role = 'owner' AND state = 'active'"), "1");
    database.exec(
        "superuser",
        "INSERT INTO platform.memberships (tenant_id, user_id, role, state_since, created_at) SELECT 'acme', "
        "user_id, 'owner', now(), now() FROM platform.users ON CONFLICT (tenant_id, user_id) DO UPDATE SET role = "
        "'owner', state = 'active'");
  }
  database.exec("superuser", "UPDATE platform.tenants SET status = 'deleted'");
  database.exec("superuser", "DELETE FROM platform.memberships");  // with the tenant all go
}

}  // namespace
}  // namespace tenantry::tenancy::members_test
