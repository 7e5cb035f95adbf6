// What a super-admin does about the people of one tenant, where its own cannot: an owner is lost, a key has leaked.
// Each act says why, and is on record in the tenant's own log. The rules are shared/tenancy/members.
#include "shared/tenancy/members.h"

#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "shared/tenancy/api_keys.h"
#include "tenantry/events/v1/domain.pb.h"
#include "tenantry/events/v1/people.pb.h"
#include "tenantry/events/v1/platform.pb.h"
#include "workers/gateway/api/admin/members/requests.h"
#include "workers/gateway/edge/people.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

const std::string actor(tenancy::the_platform);

Uuid id_in_path(const Call& call, std::string_view name) {
  const auto id = Uuid::parse(call.path.at(name));
  return id ? *id : Uuid{};
}

std::function<void()> forget_tenant(Services& services, const CallPtr& call) {
  return [&services, id = call->path.at("id")] { services.tenant_changed(id); };
}

std::string locale_or(const Call& call, const std::string& asked) {
  return asked.empty() ? std::string(to_string(call.language)) : asked;
}

void list_members(Services& services, const CallPtr& call) {
  const auto state = state_of_people(*call);
  if (!state) return services.refuse(call, state.error());
  list(
      services, call, {.name = "users", .of_tenant = true},
      [&services, call, state = *state](db::Transaction& tx, const Page& page) {
        return list_people(tx, call->path.at("id"), state, page, services.clock.now());
      },
      [&services, call](db::Transaction& tx, json& body) {
        const auto seats = tenancy::count_seats(tx, call->path.at("id"), services.clock.now());
        body["seats"] = {{"limit", seats.users_max}, {"active", seats.active}, {"pending", seats.pending}};
      });
}

void invite_member(Services& services, const CallPtr& call) {
  change(services, call, parse_admin_invitation(call->request().body),
         [&services, call](const MemberRequest& request, db::Transaction& tx,
                           messaging::Outbox& outbox) -> Result<http::Response> {
           const auto invited = tenancy::invite(tx, outbox, services.ids, services.link_tokens,
                                                {.tenant_id = call->path.at("id"),
                                                 .email = request.email,
                                                 .role = request.role,
                                                 .locale = locale_or(*call, request.locale),
                                                 .inviter_id = actor,
                                                 .reason = request.reason});
           if (!invited) return invited.error();
           return json_response(201, shown(*invited));
         });
}

void revoke_members_invitation(Services& services, const CallPtr& call) {
  change(
      services, call, parse_member_act(call->request().body),
      [call](const ReasonRequest& request, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const tenancy::InvitationRef which{call->path.at("id"), id_in_path(*call, "user"), actor, request.reason};
        if (auto ok = tenancy::revoke_invitation(tx, outbox, which); !ok) return ok.error();
        return json_response(200, {{"id", call->path.at("user")}, {"state", "revoked"}});
      });
}

Result<http::Response> change_member_to(const Call& call, db::Transaction& tx, messaging::Outbox& outbox,
                                        tenancy::Act act, const std::string& role, const std::string& reason) {
  const auto target = id_in_path(call, "user").to_string();
  const auto after = tenancy::change_member(tx, outbox, {call.path.at("id"), actor, target, act, role, reason});
  if (!after) return after.error();
  return json_response(200, {{"id", target}, {"role", after->role}, {"state", tenancy::to_string(after->state)}});
}

void give_role(Services& services, const CallPtr& call) {
  change(
      services, call, parse_admin_role(call->request().body),
      [call](const MemberRequest& request, db::Transaction& tx, messaging::Outbox& outbox) {
        return change_member_to(*call, tx, outbox, tenancy::Act::change_role, request.role, request.reason);
      },
      forget_tenant(services, call));
}

template <tenancy::Act act>
void change_state(Services& services, const CallPtr& call) {
  change(
      services, call, parse_member_act(call->request().body),
      [call](const ReasonRequest& request, db::Transaction& tx, messaging::Outbox& outbox) {
        return change_member_to(*call, tx, outbox, act, "", request.reason);
      },
      forget_tenant(services, call));
}

void appoint(Services& services, const CallPtr& call) {
  change(
      services, call, parse_appointment(call->request().body),
      [&services, call](const MemberRequest& request, db::Transaction& tx,
                        messaging::Outbox& outbox) -> Result<http::Response> {
        const auto appointed = tenancy::appoint_owner(tx, outbox, services.ids, services.link_tokens,
                                                      {.tenant_id = call->path.at("id"),
                                                       .email = request.email,
                                                       .locale = locale_or(*call, request.locale),
                                                       .reason = request.reason});
        if (!appointed) return appointed.error();
        if (appointed->invitation) return json_response(201, shown(*appointed->invitation));
        return json_response(201, {{"id", appointed->user_id},
                                   {"kind", "member"},
                                   {"email", request.email},
                                   {"role", tenancy::owner_role},
                                   {"state", "active"}});
      },
      forget_tenant(services, call));
}

// ---- sessions

void list_tenants_sessions(Services& services, const CallPtr& call) {
  list(services, call, {.name = "sessions", .of_tenant = true},
       [&services, call](db::Transaction& tx, const Page& page) {
         auto sessions = json::array();
         for (const auto row :
              tx.exec("SELECT s.session_id, s.user_id, u.email, s.created_at, s.last_seen_at, s.expires_at, "
                      "s.user_agent, s.address, s.second_factor, s.acting_reason IS NOT NULL "
                      "FROM platform.sessions s JOIN platform.users u ON u.user_id = s.user_id "
                      "WHERE s.tenant_id = $1 AND s.ended_at IS NULL AND s.expires_at > $2 "
                      "AND ($3::timestamptz IS NULL OR (s.created_at, s.session_id) > ($3, $4::uuid)) "
                      "ORDER BY s.created_at, s.session_id LIMIT $5",
                      {call->path.at("id"), services.clock.now(), page.time(), page.id(), page.limit})) {
           sessions.push_back({{"id", row.text(0)},
                               {"user_id", row.text(1)},
                               {"email", row.text(2)},
                               {"created_at", to_rfc3339(row.timestamp(3))},
                               {"last_seen_at", to_rfc3339(row.timestamp(4))},
                               {"expires_at", to_rfc3339(row.timestamp(5))},
                               {"user_agent", row.text(6)},
                               {"address", row.text(7)},
                               {"second_factor", row.text(8)},
                               {"visit", row.boolean(9)}});
         }
         return sessions;
       });
}

Result<std::int64_t> end_session(db::Transaction& tx, messaging::Outbox& outbox, const std::string& tenant_id,
                                 const SessionsRequest& request) {
  const auto ended = tx.exec(
      "UPDATE platform.sessions SET ended_at = $3 WHERE tenant_id = $1 AND session_id = $2 AND ended_at IS NULL "
      "AND expires_at > $3 RETURNING user_id",
      {tenant_id, request.session_id, outbox.now()});
  if (ended.empty()) {
    return Error{.code = Errc::not_found, .reason = "session_not_found", .message = "no such session"};
  }
  tx.send("DELETE FROM platform.refresh_tokens WHERE family = $1", {request.session_id});
  v1::SessionsEnded event;
  event.set_user_id(std::string(ended[0].text(0)));
  event.set_count(1);
  event.set_reason(request.reason);
  outbox.publish(tenant_id, event);
  outbox.signal(tenant_id, v1::TenantChanged());
  return std::int64_t{1};
}

void end_tenants_sessions(Services& services, const CallPtr& call) {
  change(
      services, call, parse_sessions_end(call->request().body),
      [call](const SessionsRequest& request, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto& tenant_id = call->path.at("id");
        if (!tenancy::find_tenant(tx, tenant_id)) return no_tenant(*call);
        const auto ended = request.session_id.empty() ? tenancy::end_member_sessions(tx, outbox, tenant_id, actor,
                                                                                     request.user_id, request.reason)
                                                      : end_session(tx, outbox, tenant_id, request);
        if (!ended) return ended.error();
        return json_response(200, {{"ended", *ended}});
      },
      forget_tenant(services, call));
}

// ---- keys

void list_tenants_keys(Services& services, const CallPtr& call) {
  list(services, call, {.name = "api_keys", .of_tenant = true},
       [&services, call](db::Transaction& tx, const Page& page) {
         return list_keys(tx, call->path.at("id"), nullptr, page, services.clock.now());
       });
}

void revoke_tenants_key(Services& services, const CallPtr& call) {
  change(
      services, call, parse_member_act(call->request().body),
      [call](const ReasonRequest& request, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const tenancy::ApiKeyRef which{call->path.at("id"), id_in_path(*call, "key"), actor, request.reason};
        if (auto ok = tenancy::revoke_api_key(tx, outbox, which); !ok) return ok.error();
        return json_response(200, {{"id", which.key_id.to_string()}, {"state", "revoked"}});
      },
      forget_tenant(services, call));
}

// ---- domains

void list_domains(Services& services, const CallPtr& call) {
  list(services, call, {.name = "domains", .time_field = "set_at", .id_field = "tenant_id", .uuid_ids = false},
       [](db::Transaction& tx, const Page& page) {
         auto domains = json::array();
         for (const auto row :
              tx.exec("SELECT tenant_id, domain, state, problem, set_at, checked_at, verified_at, missing_since "
                      "FROM platform.domains WHERE $1::timestamptz IS NULL OR (set_at, tenant_id) > ($1, $2) "
                      "ORDER BY set_at, tenant_id LIMIT $3",
                      {page.time(), page.id(), page.limit})) {
           domains.push_back({{"tenant_id", row.text(0)},
                              {"domain", row.text(1)},
                              {"state", row.text(2)},
                              {"problem", row.text(3).empty() ? json(nullptr) : json(row.text(3))},
                              {"set_at", to_rfc3339(row.timestamp(4))},
                              {"checked_at", instant(row, 5)},
                              {"verified_at", instant(row, 6)},
                              {"missing_since", instant(row, 7)}});
         }
         return domains;
       });
}

void remove_tenants_domain(Services& services, const CallPtr& call) {
  change(
      services, call, parse_member_act(call->request().body),
      [call](const ReasonRequest& request, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto& tenant_id = call->path.at("id");
        if (!tenancy::lock_tenant(tx, tenant_id)) return no_tenant(*call);
        const auto removed = tx.exec("DELETE FROM platform.domains WHERE tenant_id = $1 RETURNING domain", {tenant_id});
        if (removed.empty()) {
          return Error{
              .code = Errc::not_found, .reason = "no_domain", .message = "this tenant has no domain of its own"};
        }
        tx.send("UPDATE platform.tenants SET custom_domain = NULL WHERE tenant_id = $1", {tenant_id});
        v1::DomainRemoved event;
        event.set_domain(std::string(removed[0].text(0)));
        event.set_reason(request.reason);
        outbox.publish(tenant_id, event);
        outbox.signal(tenant_id, v1::TenantChanged());
        return json_response(200, {{"tenant_id", tenant_id}, {"domain", event.domain()}});
      },
      forget_tenant(services, call));
}

}  // namespace

namespace api {
Routes admin_members() {
  // Who may give rights is one who may everything; support takes away what does harm.
  static constexpr Terms highest{.super_admin = true};
  static constexpr Route routes[] = {
      {Method::get, "/v1/admin/tenants/{id}/users", "adminListUsers", Guard::admin, list_members},
      {Method::post, "/v1/admin/tenants/{id}/users", "adminInviteUser", Guard::admin, invite_member, highest},
      {Method::patch, "/v1/admin/tenants/{id}/users/{user}", "adminChangeUserRole", Guard::admin, give_role, highest},
      {Method::post, "/v1/admin/tenants/{id}/users/{user}/deactivate", "adminDeactivateUser", Guard::admin,
       change_state<tenancy::Act::deactivate>, highest},
      {Method::post, "/v1/admin/tenants/{id}/users/{user}/reactivate", "adminReactivateUser", Guard::admin,
       change_state<tenancy::Act::reactivate>, highest},
      {Method::post, "/v1/admin/tenants/{id}/users/{user}/remove", "adminRemoveUser", Guard::admin,
       change_state<tenancy::Act::remove>, highest},
      {Method::post, "/v1/admin/tenants/{id}/users/{user}/revoke", "adminRevokeInvitation", Guard::admin,
       revoke_members_invitation, highest},
      {Method::post,
       "/v1/admin/tenants/{id}/owner",
       "adminAppointOwner",
       Guard::admin,
       appoint,
       {.super_admin = true, .recent = true}},
      {Method::get, "/v1/admin/tenants/{id}/sessions", "adminListTenantSessions", Guard::admin, list_tenants_sessions},
      {Method::post, "/v1/admin/tenants/{id}/end-sessions", "adminEndTenantSessions", Guard::admin,
       end_tenants_sessions},
      {Method::get, "/v1/admin/tenants/{id}/api-keys", "adminListApiKeys", Guard::admin, list_tenants_keys},
      {Method::post, "/v1/admin/tenants/{id}/api-keys/{key}/revoke", "adminRevokeApiKey", Guard::admin,
       revoke_tenants_key},
      {Method::get, "/v1/admin/domains", "adminListDomains", Guard::admin, list_domains},
      {Method::post, "/v1/admin/tenants/{id}/remove-domain", "adminRemoveDomain", Guard::admin, remove_tenants_domain},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
