#include "shared/tenancy/members.h"

#include <algorithm>

#include "events/proto_time.h"
#include "shared/crypto/link_token.h"
#include "shared/db/connection.h"
#include "shared/messaging/outbox.h"
#include "shared/tenancy/tenants.h"
#include "tenantry/events/v1/identity.pb.h"
#include "tenantry/events/v1/people.pb.h"
#include "tenantry/events/v1/platform.pb.h"

namespace tenantry::tenancy {
namespace {

namespace v1 = tenantry::events::v1;
using messaging::Outbox;

constexpr const char* invitation_columns =
    "i.invitation_id, i.tenant_id, i.email, i.role, i.locale, i.state, i.sendings, i.created_at, i.expires_at, "
    "i.invited_by IS NULL";

Error no_tenant() {
  return {.code = Errc::not_found, .reason = "tenant_not_found", .message = "no such tenant"};
}
Error no_user() {
  return {.code = Errc::not_found, .reason = "user_not_found", .message = "no such member"};
}
Error no_invitation() {
  return {.code = Errc::not_found, .reason = "invitation_not_found", .message = "no such invitation"};
}
Error unknown_role(const std::string& role) {
  return Error::invalid("/role", "unknown_role", "no role is called " + role);
}
Error no_room(std::int64_t users_max) {
  return Error::conflict("user_limit_reached", "the plan has room for " + std::to_string(users_max) + " users");
}
Error not_a_member() {
  return {.code = Errc::forbidden, .reason = "not_a_member", .message = "the caller is no longer a member"};
}

Invitation invitation_of(const db::Row& row) {
  const auto state = invitation_state_from(row.text(5));
  TENANTRY_ASSERT(state);
  return {.invitation_id = row.uuid(0),
          .tenant_id = std::string(row.text(1)),
          .email = std::string(row.text(2)),
          .role = std::string(row.text(3)),
          .locale = std::string(row.text(4)),
          .state = *state,
          .sendings = static_cast<int>(row.int64(6)),
          .created_at = row.timestamp(7),
          .expires_at = row.timestamp(8),
          .by_platform = row.boolean(9)};
}

// A tenant whose owner is lost may have no seat left, and gets an owner all the same.
bool beyond_limit(const Invitation& invitation) {
  return invitation.by_platform && invitation.role == owner_role;
}

std::string timer_of(const Invitation& invitation) {
  return invitation.tenant_id + "/invitation/" + invitation.invitation_id.to_string();
}

std::string name_of(db::Transaction& tx, std::string_view user_id) {
  if (user_id.empty() || user_id == the_platform) return {};
  const auto rows = tx.exec("SELECT first_name || ' ' || last_name FROM platform.users WHERE user_id = $1", {user_id});
  return rows.empty() ? "" : std::string(rows[0].text(0));
}

// Of one sending: the mail, and the end of its time.
void tell_invited(db::Transaction& tx, Outbox& outbox, const Invitation& invitation, std::string_view inviter_id,
                  const std::string& reason) {
  v1::UserInvited event;
  event.set_invitation_id(invitation.invitation_id.to_string());
  event.set_email(invitation.email);
  event.set_role(invitation.role);
  event.set_inviter_name(name_of(tx, inviter_id));
  event.set_locale(invitation.locale);
  *event.mutable_expires_at() = events::to_proto(invitation.expires_at);
  event.set_sending(invitation.sendings);
  event.set_reason(reason);
  outbox.publish(invitation.tenant_id, event);
  v1::InvitationExpired expired;
  expired.set_invitation_id(invitation.invitation_id.to_string());
  expired.set_email(invitation.email);
  outbox.schedule(timer_of(invitation), invitation.expires_at, invitation.tenant_id, expired);
}

struct Member {
  MemberState state;
  Role role;
};

std::optional<Member> find_member(db::Transaction& tx, std::string_view tenant_id, std::string_view user_id) {
  const auto id = Uuid::parse(user_id);
  if (!id) return std::nullopt;
  const auto rows =
      tx.exec("SELECT state, role FROM platform.memberships WHERE tenant_id = $1 AND user_id = $2", {tenant_id, *id});
  if (rows.empty()) return std::nullopt;
  const auto state = member_state_from(rows[0].text(0));
  TENANTRY_ASSERT(state);
  // Of a removed member the role may be gone.
  return Member{*state, find_role(tx, tenant_id, rows[0].text(1)).value_or(Role{std::string(rows[0].text(1)), {}})};
}

// A live invitation, or why it is none. Its tenant is locked, and the invitation with it: whoever changes one holds
// that lock.
Result<Invitation> lock_by_token(db::Transaction& tx, std::string_view token) {
  const auto hash = crypto::link_token_hash(token);
  const auto owner = tx.exec("SELECT tenant_id FROM platform.invitations WHERE token_hash = $1", {ByteView{hash}});
  if (owner.empty()) return no_invitation();
  const auto tenant = lock_tenant(tx, owner[0].text(0));
  if (!tenant || tenant->lifecycle.status == Status::cancelled || tenant->lifecycle.status == Status::deleted) {
    return no_invitation();
  }
  const auto rows =
      tx.exec(std::string("SELECT ") + invitation_columns + " FROM platform.invitations i WHERE token_hash = $1",
              {ByteView{hash}});
  if (rows.empty()) return no_invitation();  // sent again meanwhile
  return invitation_of(rows[0]);
}

void settle(db::Transaction& tx, Outbox& outbox, const Invitation& invitation, InvitationState state,
            const std::optional<std::string>& user_id = std::nullopt) {
  tx.send("UPDATE platform.invitations SET state = $2, settled_at = $3, user_id = $4 WHERE invitation_id = $1",
          {invitation.invitation_id, to_string(state), outbox.now(), user_id});
  outbox.cancel(timer_of(invitation));
}

// Those to this address whose time is over: as long as they are pending there is room for no other.
void settle_expired(db::Transaction& tx, std::string_view tenant_id, std::string_view email, Timestamp now) {
  tx.send(
      "UPDATE platform.invitations SET state = 'expired', settled_at = expires_at WHERE tenant_id = $1 AND email = $2 "
      "AND state = 'pending' AND expires_at <= $3",
      {tenant_id, email, now});
}

bool has_pending(db::Transaction& tx, std::string_view tenant_id, std::string_view email) {
  return !tx.exec("SELECT FROM platform.invitations WHERE tenant_id = $1 AND email = $2 AND state = 'pending'",
                  {tenant_id, email})
              .empty();
}

bool has_member(db::Transaction& tx, std::string_view tenant_id, std::string_view email) {
  return !tx.exec(
                "SELECT FROM platform.memberships m JOIN platform.users u ON u.user_id = m.user_id "
                "WHERE m.tenant_id = $1 AND u.email = $2 AND m.state <> 'removed'",
                {tenant_id, email})
              .empty();
}

std::int64_t sendings_since(db::Transaction& tx, const Uuid& invitation_id, Timestamp since) {
  return tx
      .exec("SELECT count(*) FROM platform.invitations i, unnest(i.sent_at) s WHERE i.invitation_id = $1 AND s > $2",
            {invitation_id, since})[0]
      .int64(0);
}

// Whether the member may invite somebody as `role`, or undo it; an invitation is whose who sent it first.
Result<void> may_invite(const Actor& actor, const Role& role) {
  return may_change(actor, {.act = Act::invite, .role = role, .own = true});
}

// The invitation with its tenant locked, when the actor may deal with it.
Result<Invitation> lock_invitation(db::Transaction& tx, const InvitationRef& which) {
  const auto actor = lock_for(tx, which.tenant_id, which.actor_id);
  if (!actor) return actor.error();
  const auto rows = tx.exec(std::string("SELECT ") + invitation_columns +
                                " FROM platform.invitations i WHERE tenant_id = $1 AND invitation_id = $2 "
                                "AND ($3::uuid IS NULL OR invited_by = $3)",
                            {which.tenant_id, which.invitation_id, whose(*actor, Act::invite)});
  if (rows.empty()) return no_invitation();
  auto invitation = invitation_of(rows[0]);
  const auto role = find_role(tx, which.tenant_id, invitation.role);
  if (auto ok = may_invite(*actor, role.value_or(Role{invitation.role, {}})); !ok) return ok.error();
  return invitation;
}

// Who the invitation's address belongs to, made if need be.
Result<std::string> person_of(db::Transaction& tx, IdGenerator& ids, const Invitation& invitation,
                              const Acceptance& acceptance, Timestamp now) {
  const auto known =
      tx.exec("SELECT user_id, password_hash IS NOT NULL FROM platform.users WHERE email = $1", {invitation.email});
  if (!acceptance.user_id.empty()) {
    if (known.empty() || known[0].text(0) != acceptance.user_id) {
      return Error{.code = Errc::forbidden,
                   .reason = "wrong_account",
                   .message = "the invitation is for another address; log out and go on as the one invited"};
    }
    return acceptance.user_id;
  }
  const Error login_required{.code = Errc::unauthenticated,
                             .reason = "login_required",
                             .message = "the address has an account: log in to accept"};
  if (!known.empty() && known[0].boolean(1)) return login_required;
  if (!acceptance.person) {
    return Error::invalid("/password", "required", "who has no account chooses a name and a password");
  }
  const auto& person = *acceptance.person;
  if (!known.empty()) {
    const auto user_id = std::string(known[0].text(0));
    const auto set = tx.exec(
        "UPDATE platform.users SET first_name = $2, last_name = $3, locale = $4, password_hash = $5 "
        "WHERE user_id = $1 AND password_hash IS NULL",
        {user_id, person.first_name, person.last_name, person.locale, person.password_hash});
    if (set.affected() == 0) return login_required;  // by way of another tenant, just now
    return user_id;
  }
  const auto user_id = ids.next().to_string();
  const auto made = tx.exec(
      "INSERT INTO platform.users (user_id, email, first_name, last_name, locale, password_hash, created_at) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (email) DO NOTHING",
      {user_id, invitation.email, person.first_name, person.last_name, person.locale, person.password_hash, now});
  if (made.affected() == 0) return login_required;
  return user_id;
}

void put_member(db::Transaction& tx, std::string_view tenant_id, std::string_view user_id, MemberState state,
                std::string_view role, Timestamp now) {
  tx.send(
      "INSERT INTO platform.memberships (tenant_id, user_id, role, state, state_since, created_at) "
      "VALUES ($1, $2, $4, $3, $5, $5) ON CONFLICT (tenant_id, user_id) DO UPDATE SET role = excluded.role, "
      "state_since = CASE WHEN platform.memberships.state = excluded.state THEN platform.memberships.state_since "
      "ELSE excluded.state_since END, state = excluded.state",
      {tenant_id, user_id, to_string(state), role, now});
}

bool is_active_owner(const Member& member) {
  return member.state == MemberState::active && member.role.name == owner_role;
}

Result<void> keeps_an_owner(db::Transaction& tx, const MemberChange& change) {
  const auto others = tx.exec(
      "SELECT count(*) FROM platform.memberships WHERE tenant_id = $1 AND user_id <> $2 AND role = 'owner' "
      "AND state = 'active'",
      {change.tenant_id, change.target_id});
  if (others[0].int64(0) > 0) return {};
  return Error::conflict("last_owner", "a tenant keeps at least one active owner; transfer the ownership first");
}

void publish_change(Outbox& outbox, const MemberChange& change, const Member& before) {
  const auto tell = [&](auto event) {
    event.set_user_id(change.target_id);
    event.set_role(before.role.name);
    event.set_reason(change.reason);
    outbox.publish(change.tenant_id, event);
  };
  switch (change.act) {
    case Act::change_role: {
      v1::MembershipRoleChanged event;
      event.set_user_id(change.target_id);
      event.set_old_role(before.role.name);
      event.set_new_role(change.role);
      event.set_reason(change.reason);
      outbox.publish(change.tenant_id, event);
      return;
    }
    case Act::deactivate:
      return tell(v1::MembershipDeactivated());
    case Act::reactivate:
      return tell(v1::MembershipReactivated());
    case Act::remove: {
      v1::MembershipRemoved event;
      event.set_old_state(std::string(to_string(before.state)));
      event.set_left(change.actor_id == change.target_id);
      return tell(event);
    }
    case Act::invite:
    case Act::transfer:
    case Act::create_role:
    case Act::update_role:
    case Act::delete_role:
    case Act::create_key:
    case Act::rotate_key:
    case Act::revoke_key:
      return;  // have functions of their own
  }
}

}  // namespace

std::optional<Role> find_role(db::Transaction& tx, std::string_view tenant_id, std::string_view name) {
  const auto rows = tx.exec(
      "SELECT array_agg(permission ORDER BY permission) FROM platform.role_permissions WHERE role = $2 HAVING count(*) "
      "> 0 "
      "UNION ALL SELECT permissions FROM platform.custom_roles WHERE tenant_id = $1 AND role = $2",
      {tenant_id, name});
  if (rows.empty()) return std::nullopt;
  return Role{std::string(name), rows[0].texts(0)};
}

std::optional<Actor> find_actor(db::Transaction& tx, std::string_view tenant_id, std::string_view user_id) {
  const auto member = find_member(tx, tenant_id, user_id);
  if (!member || member->state != MemberState::active) return std::nullopt;
  return Actor{std::string(user_id), member->role};
}

Result<Actor> lock_as(db::Transaction& tx, std::string_view tenant_id, std::string_view user_id) {
  if (!lock_tenant(tx, tenant_id)) return no_tenant();
  auto actor = user_id.empty() ? std::nullopt : find_actor(tx, tenant_id, user_id);
  if (!actor) return not_a_member();
  return *std::move(actor);
}

Result<Actor> lock_for(db::Transaction& tx, std::string_view tenant_id, std::string_view actor_id) {
  if (actor_id != the_platform) return lock_as(tx, tenant_id, actor_id);
  if (!lock_tenant(tx, tenant_id)) return no_tenant();
  return Actor{"", {std::string(owner_role), {"*"}}};
}

Seats count_seats(db::Transaction& tx, std::string_view tenant_id, Timestamp now) {
  const auto rows = tx.exec(
      "SELECT coalesce((SELECT l.value FROM metering.metrics m JOIN platform.limits_of(t.tenant_id, t.plan, "
      "t.plan_version, $2) l ON l.name = m.limit_name WHERE m.metric = 'users'), -1), "
      "(SELECT count(*) FROM platform.memberships m WHERE m.tenant_id = $1 AND m.state = 'active'), "
      "(SELECT count(*) FROM platform.invitations i WHERE i.tenant_id = $1 AND i.state = 'pending' AND i.expires_at > "
      "$2) "
      "FROM platform.tenants t WHERE t.tenant_id = $1",
      {tenant_id, now});
  if (rows.empty()) return {};
  return {rows[0].int64(0), rows[0].int64(1), rows[0].int64(2)};
}

Result<Invitation> invite(db::Transaction& tx, messaging::Outbox& outbox, IdGenerator& ids,
                          const crypto::LinkTokens& tokens, const NewInvitation& wanted,
                          const InvitationPolicy& policy) {
  const auto now = outbox.now();
  if (!lock_tenant(tx, wanted.tenant_id)) return no_tenant();
  const auto role = find_role(tx, wanted.tenant_id, wanted.role);
  if (!role) return unknown_role(wanted.role);
  settle_expired(tx, wanted.tenant_id, wanted.email, now);
  const bool by_platform = wanted.inviter_id == the_platform;
  if (!by_platform) {
    const auto inviter = wanted.inviter_id.empty() ? std::nullopt : find_actor(tx, wanted.tenant_id, wanted.inviter_id);
    if (!inviter) return not_a_member();
    if (auto ok = may_invite(*inviter, *role); !ok) return ok.error();
  }
  // Who was named owner before there was a login is one already, and still to come.
  if (!wanted.beyond_limit && has_member(tx, wanted.tenant_id, wanted.email)) {
    return Error::conflict("already_member", "somebody with this address is a member");
  }
  if (has_pending(tx, wanted.tenant_id, wanted.email)) {
    return Error::conflict("already_invited", "somebody with this address is invited; send the invitation again");
  }
  const auto seats = count_seats(tx, wanted.tenant_id, now);
  if (!wanted.beyond_limit && !has_room(seats.users_max, seats.active + seats.pending)) {
    return no_room(seats.users_max);
  }
  Invitation invitation{.invitation_id = ids.next(),
                        .tenant_id = wanted.tenant_id,
                        .email = wanted.email,
                        .role = wanted.role,
                        .locale = wanted.locale,
                        .sendings = 1,
                        .created_at = now,
                        .expires_at = now + policy.life};
  const auto token = tokens.make(crypto::LinkPurpose::invitation, invitation.invitation_id, 1);
  tx.send(
      "INSERT INTO platform.invitations (invitation_id, tenant_id, email, role, locale, state, token_hash, sendings, "
      "sent_at, invited_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, 'pending', $6, 1, "
      "ARRAY[$7::timestamptz], "
      "nullif($8, '')::uuid, $7, $9)",
      {invitation.invitation_id, invitation.tenant_id, invitation.email, invitation.role, invitation.locale,
       ByteView{crypto::link_token_hash(token)}, now, by_platform ? std::string() : wanted.inviter_id,
       invitation.expires_at});
  tell_invited(tx, outbox, invitation, wanted.inviter_id, wanted.reason);
  return invitation;
}

Result<Invitation> resend_invitation(db::Transaction& tx, messaging::Outbox& outbox, const crypto::LinkTokens& tokens,
                                     const InvitationRef& which, const InvitationPolicy& policy) {
  const auto now = outbox.now();
  auto invitation = lock_invitation(tx, which);
  if (!invitation) return invitation;
  if (const auto next = decide(invitation->state, invitation->expires_at, InvitationAct::resend, now); !next) {
    return next.error();
  }
  if (!find_role(tx, which.tenant_id, invitation->role)) return unknown_role(invitation->role);  // deleted since
  if (sendings_since(tx, invitation->invitation_id, now - Days{1}) >= policy.sendings_a_day) {
    return Error{.code = Errc::rate_limited,
                 .reason = "too_many_sendings",
                 .message = "it was sent " + std::to_string(policy.sendings_a_day) + " times within a day"};
  }
  if (now >= invitation->expires_at) {  // it takes a seat again
    settle_expired(tx, which.tenant_id, invitation->email, now);
    if (has_pending(tx, which.tenant_id, invitation->email)) {
      return Error::conflict("already_invited", "somebody with this address is invited by another invitation");
    }
    if (has_member(tx, which.tenant_id, invitation->email)) {
      return Error::conflict("already_member", "somebody with this address is a member");
    }
    const auto seats = count_seats(tx, which.tenant_id, now);
    if (!beyond_limit(*invitation) && !has_room(seats.users_max, seats.active + seats.pending)) {
      return no_room(seats.users_max);
    }
  }
  ++invitation->sendings;
  invitation->state = InvitationState::pending;
  invitation->expires_at = now + policy.life;
  const auto token = tokens.make(crypto::LinkPurpose::invitation, invitation->invitation_id, invitation->sendings);
  tx.send(
      "UPDATE platform.invitations SET state = 'pending', settled_at = NULL, token_hash = $2, sendings = $3, "
      "sent_at = ARRAY(SELECT s FROM unnest(sent_at) s WHERE s > $4) || $5::timestamptz, expires_at = $6 "
      "WHERE invitation_id = $1",
      {invitation->invitation_id, ByteView{crypto::link_token_hash(token)}, invitation->sendings, now - Days{1}, now,
       invitation->expires_at});
  tell_invited(tx, outbox, *invitation, which.actor_id, which.reason);
  return invitation;
}

Result<void> revoke_invitation(db::Transaction& tx, messaging::Outbox& outbox, const InvitationRef& which) {
  const auto invitation = lock_invitation(tx, which);
  if (!invitation) return invitation.error();
  const auto next = decide(invitation->state, invitation->expires_at, InvitationAct::revoke, outbox.now());
  if (!next) return next.error();
  settle(tx, outbox, *invitation, *next);
  v1::InvitationRevoked event;
  event.set_invitation_id(invitation->invitation_id.to_string());
  event.set_email(invitation->email);
  event.set_reason(which.reason);
  outbox.publish(which.tenant_id, event);
  return {};
}

Result<OpenedInvitation> open_invitation(db::Transaction& tx, std::string_view token, Timestamp now) {
  const auto rows =
      tx.exec(std::string("SELECT ") + invitation_columns +
                  ", t.company_name, coalesce(u.first_name || ' ' || u.last_name, ''), EXISTS (SELECT FROM "
                  "platform.users k WHERE k.email = i.email AND k.password_hash IS NOT NULL) "
                  "FROM platform.invitations i JOIN platform.tenants t ON t.tenant_id = i.tenant_id "
                  "LEFT JOIN platform.users u ON u.user_id = i.invited_by "
                  "WHERE i.token_hash = $1 AND t.status NOT IN ('cancelled', 'deleted')",
              {ByteView{crypto::link_token_hash(token)}});
  if (rows.empty()) return no_invitation();
  OpenedInvitation opened{invitation_of(rows[0]), std::string(rows[0].text(10)), std::string(rows[0].text(11)),
                          rows[0].boolean(12)};
  const auto next = decide(opened.invitation.state, opened.invitation.expires_at, InvitationAct::open, now);
  if (!next) return next.error();
  return opened;
}

Result<Accepted> accept_invitation(db::Transaction& tx, messaging::Outbox& outbox, IdGenerator& ids,
                                   const Acceptance& acceptance) {
  const auto now = outbox.now();
  const auto invitation = lock_by_token(tx, acceptance.token);
  if (!invitation) return invitation.error();
  const auto next = decide(invitation->state, invitation->expires_at, InvitationAct::accept, now);
  if (!next) return next.error();
  const auto user_id = person_of(tx, ids, *invitation, acceptance, now);
  if (!user_id) return user_id.error();
  const auto member = find_member(tx, invitation->tenant_id, *user_id);
  if (member && (member->state == MemberState::active || member->state == MemberState::inactive)) {
    return Error::conflict("already_member", "the person is a member");
  }
  const auto seats = count_seats(tx, invitation->tenant_id, now);
  if (!beyond_limit(*invitation) && !has_room(seats.users_max, seats.active)) return no_room(seats.users_max);

  put_member(tx, invitation->tenant_id, *user_id, MemberState::active, invitation->role, now);
  tx.send("UPDATE platform.users SET email_verified_at = coalesce(email_verified_at, $2) WHERE user_id = $1",
          {*user_id, now});
  settle(tx, outbox, *invitation, *next, *user_id);
  auto by = acceptance.by;
  by.kind = "user";
  by.id = *user_id;
  outbox.set_cause(nullptr, std::move(by));
  v1::MembershipCreated event;
  event.set_user_id(*user_id);
  event.set_email(invitation->email);
  event.set_role(invitation->role);
  event.set_invitation_id(invitation->invitation_id.to_string());
  if (acceptance.person) event.set_terms_version(acceptance.person->terms_version);
  outbox.publish(invitation->tenant_id, event);
  outbox.signal(invitation->tenant_id, v1::TenantChanged());
  return Accepted{invitation->tenant_id, *user_id, invitation->role};
}

Result<void> decline_invitation(db::Transaction& tx, messaging::Outbox& outbox, std::string_view token) {
  const auto invitation = lock_by_token(tx, token);
  if (!invitation) return invitation.error();
  const auto next = decide(invitation->state, invitation->expires_at, InvitationAct::decline, outbox.now());
  if (!next) return next.error();
  settle(tx, outbox, *invitation, *next);
  v1::InvitationDeclined event;
  event.set_invitation_id(invitation->invitation_id.to_string());
  event.set_email(invitation->email);
  outbox.publish(invitation->tenant_id, event);
  return {};
}

Result<MemberAfter> change_member(db::Transaction& tx, messaging::Outbox& outbox, const MemberChange& change) {
  const auto now = outbox.now();
  const auto actor = lock_for(tx, change.tenant_id, change.actor_id);
  if (!actor) return actor.error();
  const auto before = find_member(tx, change.tenant_id, change.target_id);
  if (!before || before->state == MemberState::removed) return no_user();
  std::optional<Role> to;
  if (change.act == Act::change_role) {
    to = find_role(tx, change.tenant_id, change.role);
    if (!to) return unknown_role(change.role);
  }
  const Change wanted{change.act, change.target_id, before->role, to};
  if (auto ok = may_change(*actor, wanted); !ok) return ok.error();
  const auto state = next_state(before->state, change.act);
  if (!state) return state.error();
  const MemberAfter after{*state, to ? to->name : before->role.name,
                          *state != before->state || (to && to->name != before->role.name)};
  if (!after.changed) return after;

  const bool stays_owner = after.state == MemberState::active && after.role == owner_role;
  if (is_active_owner(*before) && !stays_owner) {
    if (auto ok = keeps_an_owner(tx, change); !ok) return ok.error();
  }
  if (change.act == Act::reactivate) {
    const auto seats = count_seats(tx, change.tenant_id, now);
    if (!has_room(seats.users_max, seats.active + seats.pending)) return no_room(seats.users_max);
  }
  put_member(tx, change.tenant_id, change.target_id, after.state, after.role, now);
  if (after.state != MemberState::active) end_sessions(tx, change.target_id, change.tenant_id, now);
  publish_change(outbox, change, *before);
  outbox.signal(change.tenant_id, v1::TenantChanged());
  return after;
}

Result<void> transfer_ownership(db::Transaction& tx, messaging::Outbox& outbox, const Transfer& transfer) {
  const auto now = outbox.now();
  const auto actor = lock_as(tx, transfer.tenant_id, transfer.actor_id);
  if (!actor) return actor.error();
  const auto target = find_member(tx, transfer.tenant_id, transfer.target_id);
  if (!target || target->state == MemberState::removed) return no_user();
  const Change wanted{.act = Act::transfer, .target_id = transfer.target_id, .role = target->role};
  if (auto ok = may_change(*actor, wanted); !ok) return ok.error();
  if (const auto state = next_state(target->state, Act::transfer); !state) return state.error();
  if (target->role.name != admin_role && target->role.name != owner_role) {
    return Error::conflict("not_an_admin", "only who is an admin already becomes owner at once; change the role first");
  }
  put_member(tx, transfer.tenant_id, transfer.target_id, MemberState::active, owner_role, now);
  put_member(tx, transfer.tenant_id, transfer.actor_id, transfer.leaves ? MemberState::removed : MemberState::active,
             admin_role, now);
  v1::OwnershipTransferred event;
  event.set_user_id(transfer.target_id);
  event.set_former_owner_id(transfer.actor_id);
  event.set_old_role(target->role.name);
  outbox.publish(transfer.tenant_id, event);
  if (transfer.leaves) {
    end_sessions(tx, transfer.actor_id, transfer.tenant_id, now);
    const MemberChange left{transfer.tenant_id, transfer.actor_id, transfer.actor_id, Act::remove};
    publish_change(outbox, left, {MemberState::active, {std::string(admin_role), {}}});
  }
  outbox.signal(transfer.tenant_id, v1::TenantChanged());
  return {};
}

namespace {

// Of who is one at once: a member who has come before.
std::optional<Appointed> promote(db::Transaction& tx, messaging::Outbox& outbox, const Appointment& wanted,
                                 v1::OwnerAppointed& event) {
  const auto known = tx.exec(
      "SELECT m.user_id, m.role, m.state FROM platform.memberships m JOIN platform.users u ON u.user_id = m.user_id "
      "WHERE m.tenant_id = $1 AND u.email = $2 AND m.state IN ('active', 'inactive')",
      {wanted.tenant_id, wanted.email});
  if (known.empty()) return std::nullopt;
  event.set_user_id(std::string(known[0].text(0)));
  event.set_old_role(std::string(known[0].text(1)));
  event.set_old_state(std::string(known[0].text(2)));
  put_member(tx, wanted.tenant_id, event.user_id(), MemberState::active, owner_role, outbox.now());
  outbox.signal(wanted.tenant_id, v1::TenantChanged());
  return Appointed{.user_id = event.user_id()};
}

Result<Invitation> invite_owner(db::Transaction& tx, messaging::Outbox& outbox, IdGenerator& ids,
                                const crypto::LinkTokens& tokens, const Appointment& wanted) {
  settle_expired(tx, wanted.tenant_id, wanted.email, outbox.now());
  const auto open = tx.exec(
      "SELECT invitation_id, role = 'owner' AND invited_by IS NULL FROM platform.invitations WHERE tenant_id = $1 "
      "AND email = $2 AND state = 'pending'",
      {wanted.tenant_id, wanted.email});
  if (!open.empty()) {
    const InvitationRef which{wanted.tenant_id, open[0].uuid(0), std::string(the_platform), wanted.reason};
    if (open[0].boolean(1)) return resend_invitation(tx, outbox, tokens, which);
    if (auto ok = revoke_invitation(tx, outbox, which); !ok) return ok.error();
  }
  return invite(tx, outbox, ids, tokens,
                {.tenant_id = wanted.tenant_id,
                 .email = wanted.email,
                 .role = std::string(owner_role),
                 .locale = wanted.locale,
                 .inviter_id = std::string(the_platform),
                 .beyond_limit = true,
                 .reason = wanted.reason});
}

}  // namespace

Result<Appointed> appoint_owner(db::Transaction& tx, messaging::Outbox& outbox, IdGenerator& ids,
                                const crypto::LinkTokens& tokens, const Appointment& wanted) {
  const auto tenant = lock_tenant(tx, wanted.tenant_id);
  if (!tenant) return no_tenant();
  const auto status = tenant->lifecycle.status;
  const auto ended = Error::conflict("tenant_ended", "nobody is let into a tenant that is " + written(status));
  if (status == Status::deleted) return ended;
  v1::OwnerAppointed event;
  event.set_email(wanted.email);
  event.set_reason(wanted.reason);
  auto appointed = promote(tx, outbox, wanted, event);
  if (appointed && event.old_role() == owner_role && event.old_state() == to_string(MemberState::active)) {
    return Error::conflict("already_owner", "the member is an active owner");
  }
  if (!appointed) {
    if (status == Status::cancelled) return ended;
    auto invitation = invite_owner(tx, outbox, ids, tokens, wanted);
    if (!invitation) return invitation.error();
    event.set_invitation_id(invitation->invitation_id.to_string());
    appointed = Appointed{.invitation = *std::move(invitation)};
  }
  outbox.publish(wanted.tenant_id, event);
  return *std::move(appointed);
}

Result<std::int64_t> end_member_sessions(db::Transaction& tx, messaging::Outbox& outbox, std::string_view tenant_id,
                                         std::string_view actor_id, std::string_view target_id,
                                         std::string_view reason) {
  const auto actor = lock_for(tx, tenant_id, actor_id);
  if (!actor) return actor.error();
  const auto target = find_member(tx, tenant_id, target_id);
  if (!target || target->state == MemberState::removed) return no_user();
  const Change wanted{.act = Act::deactivate, .target_id = std::string(target_id), .role = target->role};
  if (auto ok = may_change(*actor, wanted); !ok) return ok.error();
  const auto count = end_sessions(tx, target_id, tenant_id, outbox.now());
  if (count == 0) return count;
  v1::SessionsEnded event;
  event.set_user_id(std::string(target_id));
  event.set_count(static_cast<std::int32_t>(count));
  event.set_reason(std::string(reason));
  outbox.publish(tenant_id, event);
  outbox.signal(tenant_id, v1::TenantChanged());
  return count;
}

namespace {

Result<void> may_reset(db::Transaction& tx, const FactorReset& asked) {
  if (asked.actor_id.empty()) return {};
  const auto actor = lock_as(tx, asked.tenant_id, asked.actor_id);
  if (!actor) return actor.error();
  const auto target = find_member(tx, asked.tenant_id, asked.target_id);
  if (!target || target->state == MemberState::removed) return no_user();
  return may_change(*actor, {.act = Act::deactivate, .target_id = asked.target_id, .role = target->role});
}

}  // namespace

Result<Timestamp> request_factor_reset(db::Transaction& tx, messaging::Outbox& outbox, const FactorReset& asked) {
  if (auto ok = may_reset(tx, asked); !ok) return ok.error();
  const auto users = tx.exec(
      "SELECT u.email, u.locale, EXISTS (SELECT FROM platform.totp_factors f WHERE f.user_id = u.user_id "
      "AND f.confirmed_at IS NOT NULL) OR EXISTS (SELECT FROM platform.passkeys k WHERE k.user_id = u.user_id) "
      "FROM platform.users u WHERE u.user_id = $1",
      {asked.target_id});
  if (users.empty()) return no_user();
  if (!users[0].boolean(2)) return Error::conflict("no_factor", "there is no second factor");
  const auto effective_at = outbox.now() + factor_reset_delay;
  const auto made = tx.exec(
      "INSERT INTO platform.factor_resets (user_id, tenant_id, asked_at, effective_at) VALUES ($1, $2, $3, $4) "
      "ON CONFLICT DO NOTHING",
      {asked.target_id, asked.tenant_id, outbox.now(), effective_at});
  if (made.affected() == 0) {
    const auto before = tx.exec("SELECT effective_at FROM platform.factor_resets WHERE user_id = $1 AND tenant_id = $2",
                                {asked.target_id, asked.tenant_id});
    return before[0].timestamp(0);
  }
  v1::FactorResetRequested event;
  event.set_user_id(asked.target_id);
  event.set_email(std::string(users[0].text(0)));
  event.set_locale(std::string(users[0].text(1)));
  event.set_reason(asked.reason);
  *event.mutable_effective_at() = events::to_proto(effective_at);
  outbox.publish(asked.tenant_id, event);
  return effective_at;
}

std::int64_t end_sessions(db::Transaction& tx, std::string_view user_id, std::string_view tenant_id, Timestamp now) {
  const auto ended = tx.exec(
      "UPDATE platform.sessions SET ended_at = $3 WHERE user_id = $1 AND ($2 = '' OR tenant_id = $2) "
      "AND ended_at IS NULL AND expires_at > $3",
      {user_id, tenant_id, now});
  tx.send("DELETE FROM platform.refresh_tokens WHERE user_id = $1 AND ($2 = '' OR tenant_id = $2)",
          {user_id, tenant_id});
  return static_cast<std::int64_t>(ended.affected());
}

}  // namespace tenantry::tenancy
