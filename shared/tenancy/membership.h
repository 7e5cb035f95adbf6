// Membership: what a person is in a tenant, what an invitation is on its way to, and
// who may change whom, or give which right to whom.
//
// Pure: members.h, roles.h and api_keys.h apply it to rows. The owner's role is the one that holds everything;
// any other role, built in or a tenant's own, is worth the grants it holds, so "above"
// means: may do something that the other may not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::tenancy {

constexpr std::string_view owner_role = "owner";
constexpr std::string_view admin_role = "admin";

struct Role {
  std::string name;
  std::vector<std::string> permissions;
};

enum class MemberState {
  invited,   // the owner-to-be of a tenant that an admin made: has mail, may do nothing
  active,    //
  inactive,  // deactivated: no access, no seat; comes back as it was
  removed,   // over; the row stays so that the audit log's names resolve
};
std::string_view to_string(MemberState state);
std::optional<MemberState> member_state_from(std::string_view text);

// What one does to a member or an invitation, to a role of the tenant's own, or to a key for machines.
enum class Act {
  invite,
  change_role,
  deactivate,
  reactivate,
  remove,
  transfer,
  create_role,
  update_role,
  delete_role,
  create_key,
  rotate_key,
  revoke_key
};
constexpr std::size_t acts_count = 12;

// The state after it. Errc::conflict, reason "wrong_member_state", where the act is none for this state.
Result<MemberState> next_state(MemberState state, Act act);

struct Actor {
  std::string user_id;
  Role role;
};
struct Change {
  Act act;
  std::string target_id{};  // "": of nobody yet
  // What there is: the target's role, the invitation's, the role itself; of a key what it may do, without a name.
  Role role{};
  // What comes of it: the target's role, the role, the key's grants; of a role that is deleted what its members have
  // then.
  std::optional<Role> to{};
  // An invitation or a key that is the actor's own where the right to the act reaches no further: whose() was asked
  // for, or it is about to be made.
  bool own = false;
};

// Whose invitations or keys the actor may do it to, as a statement asks for it: the actor's id where the right reaches
// the own ones alone; nullopt: anybody's.
std::optional<std::string> whose(const Actor& actor, Act act);

// Nobody gives what one does not hold, nor touches what is above oneself: a key that is rotated is shown to who does
// it. Revoking a key needs no more than the right to.
// Errc::forbidden: "permission_denied", "owner_required", "role_above_own", "role_not_grantable", "key_above_own",
// "key_not_grantable". Errc::conflict: "own_membership" for what nobody does to himself.
Result<void> may_change(const Actor& actor, const Change& change);

enum class InvitationState { pending, accepted, declined, revoked, expired };
std::string_view to_string(InvitationState state);
std::optional<InvitationState> invitation_state_from(std::string_view text);

enum class InvitationAct { open, accept, decline, revoke, resend };

// A pending one whose time is over counts as expired. Errors are Errc::conflict and say what it has become:
// "invitation_used", "invitation_declined", "invitation_revoked", "invitation_expired".
Result<InvitationState> decide(InvitationState state, Timestamp expires_at, InvitationAct act, Timestamp now);

// Whether one more fits, or so many. -1: unlimited.
bool has_room(std::int64_t users_max, std::int64_t taken, std::int64_t more = 1);

}  // namespace tenantry::tenancy
