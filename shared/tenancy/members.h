// People of a tenant, in rows: inviting, accepting, changing, passing ownership on.
//
// Each function runs in the caller's transaction, locks the tenant's row first (so that
// limits and the last owner are counted by one at a time), asks membership.h, writes, and
// puts the event into the outbox with the signal that caches are stale. Who acts is read
// here, in the same transaction: a right that was lost meanwhile is lost. Whoever acts for
// the platform is the_platform here, and says why. The outbox's origin is the caller's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "events/envelope.h"
#include "shared/core/ids.h"
#include "shared/core/result.h"
#include "shared/tenancy/membership.h"

namespace tenantry::db {
class Transaction;
}
namespace tenantry::messaging {
class Outbox;
}
namespace tenantry::crypto {
class LinkTokens;
}

namespace tenantry::tenancy {

struct InvitationPolicy {
  Days life{7};
  int sendings_a_day = 5;  // of one invitation: nobody's mailbox is filled by way of us
};

struct Invitation {
  Uuid invitation_id;
  std::string tenant_id;
  std::string email;
  std::string role;
  std::string locale;
  InvitationState state = InvitationState::pending;
  int sendings = 0;
  Timestamp created_at{};
  Timestamp expires_at{};
  bool by_platform = false;
};

// A built-in role, or one of the tenant's own.
std::optional<Role> find_role(db::Transaction& tx, std::string_view tenant_id, std::string_view name);

// Who is an active member, with the role.
std::optional<Actor> find_actor(db::Transaction& tx, std::string_view tenant_id, std::string_view user_id);

// Who acts, with the tenant's row locked. Errc::not_found "tenant_not_found"; Errc::forbidden "not_a_member".
Result<Actor> lock_as(db::Transaction& tx, std::string_view tenant_id, std::string_view user_id);
// The same, and `the_platform` is above all of the tenant's. It is no id, and named by name: an id that is missing is
// nobody's.
constexpr std::string_view the_platform = "platform";
Result<Actor> lock_for(db::Transaction& tx, std::string_view tenant_id, std::string_view actor_id);

struct NewInvitation {
  std::string tenant_id;
  std::string email;  // folded
  std::string role;
  std::string locale = "fr";
  std::string inviter_id;     // a member, or the_platform, which gives any role
  bool beyond_limit = false;  // of the platform, for an owner: the plan's users do not bind it, nor when it is accepted
  std::string reason{};       // the platform's
};

// Errors: not_found; what may_change says; invalid "/role" "unknown_role"; conflict "already_member",
// "already_invited", "user_limit_reached".
Result<Invitation> invite(db::Transaction& tx, messaging::Outbox& outbox, IdGenerator& ids,
                          const crypto::LinkTokens& tokens, const NewInvitation& wanted,
                          const InvitationPolicy& policy = {});

struct InvitationRef {
  std::string tenant_id;
  Uuid invitation_id;
  std::string actor_id;  // a member, or the_platform
  std::string reason{};  // the platform's, of what is taken back
};

// The same invitation under a new token; the one sent before is dead. Errors also: what decide() says;
// rate_limited "too_many_sendings".
Result<Invitation> resend_invitation(db::Transaction& tx, messaging::Outbox& outbox, const crypto::LinkTokens& tokens,
                                     const InvitationRef& which, const InvitationPolicy& policy = {});
Result<void> revoke_invitation(db::Transaction& tx, messaging::Outbox& outbox, const InvitationRef& which);

// By the token of the last sending; nothing changes. Errc::not_found "invitation_not_found"; else as decide() says.
struct OpenedInvitation {
  Invitation invitation;
  std::string company_name;
  std::string inviter_name;  // "": the platform
  bool has_account = false;  // the address: who has one logs in to accept
};
Result<OpenedInvitation> open_invitation(db::Transaction& tx, std::string_view token, Timestamp now);

struct NewPerson {
  std::string first_name;
  std::string last_name;
  std::string locale;
  std::string password_hash;
  std::string terms_version{};  // that was accepted
};
struct Acceptance {
  std::string token;
  std::string user_id{};              // who is logged in; "": nobody
  std::optional<NewPerson> person{};  // for whom has no account
  events::Actor by;                   // its id is filled in
};
struct Accepted {
  std::string tenant_id;
  std::string user_id;
  std::string role;
};

// Errors: as open_invitation; unauthenticated "login_required" where the address has an account and nobody is logged
// in; forbidden "wrong_account" where somebody else is; invalid where a person is needed and not given; conflict
// "already_member", "user_limit_reached".
Result<Accepted> accept_invitation(db::Transaction& tx, messaging::Outbox& outbox, IdGenerator& ids,
                                   const Acceptance& acceptance);
Result<void> decline_invitation(db::Transaction& tx, messaging::Outbox& outbox, std::string_view token);

struct MemberChange {
  std::string tenant_id;
  std::string actor_id;  // a member, or the_platform, which is above all and keeps the same limits
  std::string target_id;
  Act act;               // change_role, deactivate, reactivate or remove
  std::string role{};    // change_role: the new one
  std::string reason{};  // the platform's
};
struct MemberAfter {
  MemberState state;
  std::string role;
  bool changed = false;  // false: it was so before
};

// Errors: not_found "user_not_found"; what may_change and next_state say; invalid "/role"; conflict "last_owner",
// "user_limit_reached". Whoever is no longer active has no session left in the tenant.
Result<MemberAfter> change_member(db::Transaction& tx, messaging::Outbox& outbox, const MemberChange& change);

// The actor, an owner, becomes admin, and the target, an active admin or owner, owner; with `leaves` the actor is a
// member no longer. Errors as change_member's; conflict "not_an_admin".
struct Transfer {
  std::string tenant_id;
  std::string actor_id;
  std::string target_id;
  bool leaves = false;
};
Result<void> transfer_ownership(db::Transaction& tx, messaging::Outbox& outbox, const Transfer& transfer);

// The platform makes an owner where that one was lost: of a member at once, of anybody else by an invitation; one that
// is open for another role gives way, one for an owner is sent again. Errors: not_found; conflict "already_owner",
// "tenant_ended"; as invite and resend_invitation.
struct Appointment {
  std::string tenant_id;
  std::string email;  // folded
  std::string locale = "fr";
  std::string reason;
};
struct Appointed {
  std::string user_id;  // of a member; else:
  std::optional<Invitation> invitation{};
};
Result<Appointed> appoint_owner(db::Transaction& tx, messaging::Outbox& outbox, IdGenerator& ids,
                                const crypto::LinkTokens& tokens, const Appointment& wanted);

// What another member has open in the tenant, by who could lock that member out, or by the_platform (with
// a reason). How many there were. Errors as change_member's.
Result<std::int64_t> end_member_sessions(db::Transaction& tx, messaging::Outbox& outbox, std::string_view tenant_id,
                                         std::string_view actor_id, std::string_view target_id,
                                         std::string_view reason = {});

// Somebody's lost second factors are to be forgotten: they are at the first login of a day later, where each company of
// the person's has asked, or a super-admin; whoever shows one of them before that has lost none. When; asked again, it
// is the time of before. Errors as end_member_sessions'; conflict "no_factor".
constexpr Days factor_reset_delay{1};
struct FactorReset {
  std::string tenant_id;  // or the platform's, of a super-admin
  std::string actor_id;   // a member; "": a super-admin, whom no rule binds
  std::string target_id;
  std::string reason;
};
Result<Timestamp> request_factor_reset(db::Transaction& tx, messaging::Outbox& outbox, const FactorReset& asked);

// Ends what the person has open in the tenant; "" as tenant: everywhere.
// How many there were.
std::int64_t end_sessions(db::Transaction& tx, std::string_view user_id, std::string_view tenant_id, Timestamp now);

// Seats that are taken (active members and invitations that are open) and how many there are, -1: unlimited.
struct Seats {
  std::int64_t users_max = 0;
  std::int64_t active = 0;
  std::int64_t pending = 0;
};
Seats count_seats(db::Transaction& tx, std::string_view tenant_id, Timestamp now);

}  // namespace tenantry::tenancy
