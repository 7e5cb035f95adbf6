// Who calls, in which tenant, and what they may do there.
#include <nlohmann/json.hpp>

#include "shared/text/text.h"
#include "workers/gateway/edge/settings.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

json shown_tenants(const Session& session) {
  auto out = json::array();
  for (std::size_t i = 0; i < session.tenants.size(); ++i) {
    out.push_back({{"tenant_id", session.tenants[i]}, {"slug", session.tenants[i]}, {"role", session.roles[i]}});
  }
  return out;
}

// Who it is, and how it stands with the tenant: all of it may be said while the tenant is closed, too.
json membership_of(const Call& call) {
  const auto& session = *call.session;
  const auto& tenant = call.tenant->tenant;
  const auto granted = call.reference->permissions.find(session.role);
  return {{"email_verified", session.email_verified},
          {"tenant_role", session.role},
          {"user",
           {{"id", call.claims->sub},
            {"email", text::shown_email(session.email)},
            {"first_name", session.first_name},
            {"last_name", session.last_name}}},
          {"permissions", granted == call.reference->permissions.end() ? session.permissions : granted->second},
          {"tenants", shown_tenants(session)},
          {"tenant",
           {{"tenant_id", tenant.tenant_id},
            {"company_name", tenant.company_name},
            {"status", tenancy::written(tenant.lifecycle.status)},
            {"status_reason", tenant.lifecycle.reason},
            {"plan", tenant.plan},
            {"trial_ends_at", to_rfc3339(tenant.lifecycle.trial_ends_at)}}}};
}

std::string render_me(const Call& call) {
  auto body = membership_of(call);
  body["sub"] = body["user"]["id"];
  body["email"] = body["user"]["email"];
  body["tenant_id"] = body["tenant"]["tenant_id"];
  body["tenant"].update({{"modules", call.tenant->modules},
                         {"flags", call.tenant->flags},
                         {"settings", settings_document(call.tenant->settings, call.tenant->tenant.locale)}});
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Says what the guard has just decided by, so it is as fresh as any other answer: a change of the
// tenant shows at once (fanout), one of the person within the session's time to live.
void read_me(Services& services, const CallPtr& call) {
  auto& rendered = call->session->me;
  if (rendered.tenant != call->tenant || rendered.reference != call->reference) {
    rendered = {call->tenant, call->reference, render_me(*call)};
  }
  services.answer(call, http::Response::json(200, rendered.body));
}

// Where /v1/me is closed: what is still open, to whom, and where else one may go.
void read_membership(Services& services, const CallPtr& call) {
  services.answer(call, json_response(200, membership_of(*call)));
}

}  // namespace

namespace api {
Routes me() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/me", "me", Guard::live, read_me, {.acting = true}},
      {Method::get, "/v1/me/membership", "membership", Guard::billing, read_membership, {.before_factor = true}},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
