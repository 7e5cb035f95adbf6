// The tenant's people: who belongs to it, who is invited, and changes of either. The rules are shared/tenancy/members.
#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "shared/tenancy/members.h"
#include "workers/gateway/api/users/requests.h"
#include "workers/gateway/edge/people.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

constexpr int invitations_a_minute = 30;  // of a tenant's members together: each is a mail to a stranger

tenancy::InvitationRef invitation_of(const Call& call) {
  return {.tenant_id = call.tenant_id(), .invitation_id = id_of(call), .actor_id = call.claims->sub};
}

void list_users(Services& services, const CallPtr& call) {
  const auto state = state_of_people(*call);
  if (!state) return services.refuse(call, state.error());
  list(
      services, call, {.name = "users"},
      [&services, call, state = *state](db::Transaction& tx, const Page& page) {
        return list_people(tx, call->tenant_id(), state, page, services.clock.now());
      },
      [&services, call](db::Transaction& tx, json& body) {
        const auto seats = tenancy::count_seats(tx, call->tenant_id(), services.clock.now());
        body["seats"] = {{"limit", seats.users_max}, {"active", seats.active}, {"pending", seats.pending}};
      });
}

// Whoever is invited, the answer is the same: an admin does not learn who has an account elsewhere.
void invite_user(Services& services, const CallPtr& call) {
  const auto request = parse_invitation(call->request().body);
  if (!request) return services.refuse(call, request.error());
  const auto place = services.invitations.take(call->tenant_id(), invitations_a_minute, services.monotonic());
  if (!place.allowed) {
    return services.refuse(
        call,
        Error{.code = Errc::rate_limited,
              .reason = "rate_limited",
              .message = "at most " + std::to_string(invitations_a_minute) + " invitations a minute"},
        place.resets_in);
  }
  change(
      services, call,
      [&services, call, request = *request](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto invited =
            tenancy::invite(tx, outbox, services.ids, services.link_tokens,
                            {.tenant_id = call->tenant_id(),
                             .email = request.email,
                             .role = request.role,
                             .locale = request.locale.empty() ? std::string(to_string(call->language)) : request.locale,
                             .inviter_id = call->claims->sub});
        if (!invited) return invited.error();
        return json_response(201, shown(*invited));
      });
}

void resend_invitation(Services& services, const CallPtr& call) {
  change(services, call, [&services, call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto sent = tenancy::resend_invitation(tx, outbox, services.link_tokens, invitation_of(*call));
    if (!sent) return sent.error();
    return json_response(200, shown(*sent));
  });
}

void revoke_invitation(Services& services, const CallPtr& call) {
  change(services, call, [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    if (auto ok = tenancy::revoke_invitation(tx, outbox, invitation_of(*call)); !ok) return ok.error();
    return http::Response{.status = 204};
  });
}

void change_member(Services& services, const CallPtr& call, tenancy::Act act, std::string role = {}) {
  change(
      services, call,
      [call, act, role = std::move(role)](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto id = id_of(*call).to_string();
        const auto after = tenancy::change_member(tx, outbox, {call->tenant_id(), call->claims->sub, id, act, role});
        if (!after) return after.error();
        if (act == tenancy::Act::remove) return http::Response{.status = 204};
        return json_response(200, {{"id", id}, {"role", after->role}, {"state", tenancy::to_string(after->state)}});
      },
      forget(services, call));
}

void change_role(Services& services, const CallPtr& call) {
  const auto role = parse_role(call->request().body);
  if (!role) return services.refuse(call, role.error());
  change_member(services, call, tenancy::Act::change_role, *role);
}
void deactivate_user(Services& services, const CallPtr& call) {
  change_member(services, call, tenancy::Act::deactivate);
}
void reactivate_user(Services& services, const CallPtr& call) {
  change_member(services, call, tenancy::Act::reactivate);
}
void remove_user(Services& services, const CallPtr& call) {
  change_member(services, call, tenancy::Act::remove);
}

void transfer_ownership(Services& services, const CallPtr& call) {
  const auto leaves = parse_transfer(call->request().body);
  if (!leaves) return services.refuse(call, leaves.error());
  if (auto ok = recently_authenticated(services, *call); !ok) return services.refuse(call, ok.error());
  change(
      services, call,
      [call, leaves = *leaves](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto target = id_of(*call).to_string();
        const tenancy::Transfer transfer{call->tenant_id(), call->claims->sub, target, leaves};
        if (auto ok = tenancy::transfer_ownership(tx, outbox, transfer); !ok) return ok.error();
        return json_response(200, {{"id", target}, {"role", tenancy::owner_role}, {"state", "active"}});
      },
      forget(services, call));
}

void end_user_sessions(Services& services, const CallPtr& call) {
  change(
      services, call,
      [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto target = id_of(*call).to_string();
        if (auto ok = tenancy::end_member_sessions(tx, outbox, call->tenant_id(), call->claims->sub, target); !ok) {
          return ok.error();
        }
        return http::Response{.status = 204};
      },
      forget(services, call));
}

// The person is told, too, and has a day to show what is said to be lost.
void reset_factors(Services& services, const CallPtr& call) {
  if (auto ok = recently_authenticated(services, *call); !ok) return services.refuse(call, ok.error());
  change(services, call, parse_factor_reset(call->request().body),
         [call](const std::string& reason, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
           const auto at = tenancy::request_factor_reset(
               tx, outbox, {call->tenant_id(), call->claims->sub, id_of(*call).to_string(), reason});
           if (!at) return at.error();
           return json_response(202, {{"effective_at", to_rfc3339(*at)}});
         });
}

}  // namespace

namespace api {
Routes users() {
  static constexpr Terms revokes{.permission = "users:invite", .owned = true};
  static constexpr Terms invites{.permission = "users:invite", .owned = true, .confirmed = true};
  static constexpr Terms updates{.permission = "users:update"};
  static constexpr Route routes[] = {
      {Method::get, "/v1/users", "listUsers", Guard::live, list_users, {.permission = "users:read"}},
      {Method::post, "/v1/users", "inviteUser", Guard::live, invite_user, invites},
      {Method::post, "/v1/users/{id}/resend", "resendInvitation", Guard::live, resend_invitation, invites},
      {Method::post, "/v1/users/{id}/revoke", "revokeInvitation", Guard::live, revoke_invitation, revokes},
      {Method::patch, "/v1/users/{id}", "changeUserRole", Guard::live, change_role, updates},
      {Method::post, "/v1/users/{id}/deactivate", "deactivateUser", Guard::live, deactivate_user, updates},
      {Method::post, "/v1/users/{id}/reactivate", "reactivateUser", Guard::live, reactivate_user, updates},
      {Method::delete_, "/v1/users/{id}", "removeUser", Guard::live, remove_user, {.asked = "users:remove"}},
      {Method::post,
       "/v1/users/{id}/transfer-ownership",
       "transferOwnership",
       Guard::live,
       transfer_ownership,
       {.permission = "users:transfer"}},
      {Method::post, "/v1/users/{id}/reset-factors", "resetUserFactors", Guard::live, reset_factors, updates},
      {Method::delete_, "/v1/users/{id}/sessions", "endUserSessions", Guard::live, end_user_sessions, updates},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
