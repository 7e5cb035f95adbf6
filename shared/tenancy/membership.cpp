#include "shared/tenancy/membership.h"

#include <algorithm>
#include <array>

#include "shared/tenancy/permissions.h"

namespace tenantry::tenancy {
namespace {

constexpr std::array<std::string_view, 4> member_states = {"invited", "active", "inactive", "removed"};
constexpr std::array<std::string_view, 5> invitation_states = {"pending", "accepted", "declined", "revoked", "expired"};

template <class E, std::size_t N>
std::optional<E> named(const std::array<std::string_view, N>& names, std::string_view text) {
  const auto found = std::ranges::find(names, text);
  if (found == names.end()) return std::nullopt;
  return static_cast<E>(found - names.begin());
}

std::string_view right_for(Act act) {
  switch (act) {
    case Act::invite:
      return "users:invite";
    case Act::remove:
      return "users:remove";
    case Act::change_role:
    case Act::deactivate:
    case Act::reactivate:
      return "users:update";
    case Act::transfer:
      return "users:transfer";
    case Act::create_role:
      return "roles:create";
    case Act::update_role:
      return "roles:update";
    case Act::delete_role:
      return "roles:delete";
    case Act::create_key:
      return "api_keys:create";
    case Act::rotate_key:
      return "api_keys:rotate";
    case Act::revoke_key:
      return "api_keys:revoke";
  }
  return {};
}

bool is_about_keys(Act act) {
  return act == Act::create_key || act == Act::rotate_key || act == Act::revoke_key;
}

Error forbidden(std::string reason, std::string message) {
  return {.code = Errc::forbidden, .reason = std::move(reason), .message = std::move(message)};
}

bool is_owner(const Role& role) {
  return role.name == owner_role;
}

Result<void> check_self(const Change& change) {
  if (change.act == Act::remove) return {};  // leaving needs no right
  if (change.act == Act::change_role) return {};
  return Error{.code = Errc::conflict, .reason = "own_membership", .message = "nobody does this to the own membership"};
}

}  // namespace

std::string_view to_string(MemberState state) {
  return member_states[static_cast<std::size_t>(state)];
}
std::optional<MemberState> member_state_from(std::string_view text) {
  return named<MemberState>(member_states, text);
}
std::string_view to_string(InvitationState state) {
  return invitation_states[static_cast<std::size_t>(state)];
}
std::optional<InvitationState> invitation_state_from(std::string_view text) {
  return named<InvitationState>(invitation_states, text);
}

Result<MemberState> next_state(MemberState state, Act act) {
  using S = MemberState;
  switch (act) {
    case Act::change_role:
      if (state == S::active || state == S::inactive) return state;
      break;
    case Act::deactivate:
      if (state == S::active) return S::inactive;
      break;
    case Act::reactivate:
      if (state == S::inactive) return S::active;
      break;
    case Act::remove:
      if (state != S::removed) return S::removed;
      break;
    case Act::transfer:
      if (state == S::active) return S::active;
      break;
    case Act::invite:
      if (state == S::removed) return S::active;
      break;
    case Act::create_role:
    case Act::update_role:
    case Act::delete_role:
    case Act::create_key:
    case Act::rotate_key:
    case Act::revoke_key:
      break;
  }
  return Error{.code = Errc::conflict,
               .reason = "wrong_member_state",
               .message = "the member is " + std::string(to_string(state))};
}

std::optional<std::string> whose(const Actor& actor, Act act) {
  if (reach_of(actor.role.permissions, right_for(act)) != Reach::own) return std::nullopt;
  return actor.user_id;
}

Result<void> may_change(const Actor& actor, const Change& change) {
  const bool self = !change.target_id.empty() && change.target_id == actor.user_id;
  if (self) {
    if (auto ok = check_self(change); !ok) return ok;
  }
  const auto& held = actor.role.permissions;
  const auto reach = reach_of(held, right_for(change.act));
  const bool reached = reach == Reach::all || (reach == Reach::own && change.own);
  if (!(self && change.act == Act::remove) && !reached) {
    return forbidden("permission_denied",
                     "the role " + actor.role.name + " lacks " + std::string(right_for(change.act)));
  }
  const bool of_owners = change.act == Act::transfer || is_owner(change.role) || (change.to && is_owner(*change.to));
  if (of_owners && !is_owner(actor.role)) return forbidden("owner_required", "only an owner may do this");
  if (change.act == Act::revoke_key) return {};
  const bool of_keys = is_about_keys(change.act);
  const auto not_grantable = [&] {
    return of_keys ? forbidden("key_not_grantable", "the key would do more than the own role may")
                   : forbidden("role_not_grantable", "the role may do more than the own one");
  };
  if (!covers(held, change.role.permissions)) {
    if (change.act == Act::invite) return not_grantable();
    return of_keys ? forbidden("key_above_own", "the key may do more than oneself")
                   : forbidden("role_above_own", "who has the role may do more than oneself");
  }
  if (change.to && !covers(held, change.to->permissions)) return not_grantable();
  return {};
}

Result<InvitationState> decide(InvitationState state, Timestamp expires_at, InvitationAct act, Timestamp now) {
  using S = InvitationState;
  const auto over = [](const char* reason, const char* message) {
    return Error{.code = Errc::conflict, .reason = reason, .message = message};
  };
  if (state == S::pending && now >= expires_at) state = S::expired;
  switch (state) {
    case S::accepted:
      return over("invitation_used", "the invitation was accepted before");
    case S::declined:
      return over("invitation_declined", "the invitation was declined; ask for a new one");
    case S::revoked:
      return over("invitation_revoked", "the invitation was taken back; ask for a new one");
    case S::expired:
      if (act == InvitationAct::resend) return S::pending;
      return over("invitation_expired", "the invitation is too old; ask for it to be sent again");
    case S::pending:
      break;
  }
  switch (act) {
    case InvitationAct::open:
    case InvitationAct::resend:
      return S::pending;
    case InvitationAct::accept:
      return S::accepted;
    case InvitationAct::decline:
      return S::declined;
    case InvitationAct::revoke:
      return S::revoked;
  }
  return S::pending;
}

bool has_room(std::int64_t users_max, std::int64_t taken, std::int64_t more) {
  return users_max < 0 || taken + more <= users_max;
}

}  // namespace tenantry::tenancy
