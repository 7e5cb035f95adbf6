// What a super-admin does for a person, whatever companies that one belongs to.
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/crypto/password.h"
#include "shared/db/connection.h"
#include "shared/tenancy/members.h"
#include "tenantry/events/v1/identity.pb.h"
#include "tenantry/events/v1/platform.pb.h"
#include "workers/gateway/api/admin/people/requests.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

void reset_factors_of(Services& services, const CallPtr& call) {
  change(services, call, parse_admin_factor_reset(call->request().body),
         [call](const std::string& reason, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
           const auto at = tenancy::request_factor_reset(
               tx, outbox, {std::string(events::platform_tenant), "", id_of(*call).to_string(), reason});
           if (!at) return at.error();
           return json_response(202, {{"effective_at", to_rfc3339(*at)}});
         });
}

// ---- super-admins

void list_admins(Services& services, const CallPtr& call) {
  change(services, call, [](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    auto admins = json::array();
    const auto rows = tx.exec(
        "SELECT a.user_id, u.email, u.first_name, u.last_name, a.role, a.added_at, "
        "(SELECT max(last_seen_at) FROM platform.admin_sessions s WHERE s.user_id = a.user_id), "
        "EXISTS (SELECT FROM platform.totp_factors f WHERE f.user_id = a.user_id AND f.confirmed_at IS NOT NULL) "
        "OR EXISTS (SELECT FROM platform.passkeys k WHERE k.user_id = a.user_id) "
        "FROM platform.admins a JOIN platform.users u ON u.user_id = a.user_id WHERE a.revoked_at IS NULL "
        "ORDER BY a.added_at, a.user_id LIMIT 200");
    for (const auto row : rows) {
      admins.push_back({{"id", row.text(0)},
                        {"email", row.text(1)},
                        {"first_name", row.text(2)},
                        {"last_name", row.text(3)},
                        {"role", row.text(4)},
                        {"added_at", to_rfc3339(row.timestamp(5))},
                        {"last_seen_at", instant(row, 6)},
                        {"second_factor", row.boolean(7)}});
    }
    tell_read(outbox, events::platform_tenant, "admins");
    return json_response(200, {{"admins", std::move(admins)}});
  });
}

// Of a person there is: the same one, as whom a company knows that one, too.
std::string person_of(Services& services, db::Transaction& tx, messaging::Outbox& outbox, const AdminRequest& request) {
  const auto known = tx.exec(
      "SELECT user_id, password_hash IS NOT NULL FROM platform.users WHERE email = $1 FOR UPDATE", {request.email});
  if (!known.empty() && known[0].boolean(1)) return std::string(known[0].text(0));
  // A password that nobody knows: the person chooses one by "forgotten password".
  const auto id = known.empty() ? services.ids.next().to_string() : std::string(known[0].text(0));
  const auto locale = request.locale.empty() ? std::string("fr") : request.locale;
  tx.send(
      "INSERT INTO platform.users (user_id, email, first_name, last_name, locale, password_hash, created_at) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (user_id) DO UPDATE SET password_hash = excluded.password_hash",
      {id, request.email, request.first_name, request.last_name, locale, crypto::dummy_password_hash(), outbox.now()});
  return id;
}

void add_admin(Services& services, const CallPtr& call) {
  const auto request = parse_admin(call->request().body);
  if (!request) return services.refuse(call, request.error());
  if (call->admin_session) {
    if (auto ok = recently_authenticated(services, *call); !ok) return services.refuse(call, ok.error());
  }
  change(services, call,
         [&services, request = *request](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
           const auto user_id = person_of(services, tx, outbox, request);
           const auto before = tx.exec(
               "SELECT CASE WHEN revoked_at IS NULL THEN role ELSE '' END FROM platform.admins WHERE user_id = $1",
               {user_id});
           const std::string old_role{before.empty() ? std::string_view{} : before[0].text(0)};
           if (old_role != request.role) {
             tx.send(
                 "INSERT INTO platform.admins (user_id, role, added_at) VALUES ($1, $2, $3) ON CONFLICT (user_id) DO "
                 "UPDATE SET role = excluded.role, added_at = excluded.added_at, revoked_at = NULL",
                 {user_id, request.role, outbox.now()});
             v1::AdminAdded event;
             event.set_user_id(user_id);
             event.set_email(request.email);
             event.set_role(request.role);
             event.set_old_role(old_role);
             outbox.publish(events::platform_tenant, event);
           }
           return json_response(201, {{"id", user_id}, {"email", request.email}, {"role", request.role}});
         });
}

void revoke_admin(Services& services, const CallPtr& call) {
  if (call->admin_session) {
    if (auto ok = recently_authenticated(services, *call); !ok) return services.refuse(call, ok.error());
  }
  change(services, call, [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto id = id_of(*call).to_string();
    const auto revoked =
        tx.exec("UPDATE platform.admins SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL RETURNING role",
                {id, outbox.now()});
    if (revoked.empty()) return nothing_here();
    tx.send("UPDATE platform.admin_sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL",
            {id, outbox.now()});
    tx.send("DELETE FROM platform.saved_views WHERE owner = $1", {id});
    const auto visits = tx.exec(
        "UPDATE platform.sessions SET ended_at = $2 WHERE user_id = $1 AND acting_reason IS NOT NULL "
        "AND ended_at IS NULL RETURNING tenant_id",
        {id, outbox.now()});
    for (const auto row : visits) outbox.signal(row.text(0), v1::TenantChanged());
    v1::AdminRevoked event;
    event.set_user_id(id);
    event.set_old_role(std::string(revoked[0].text(0)));
    outbox.publish(events::platform_tenant, event);
    return http::Response{.status = 204};
  });
}

}  // namespace

namespace api {
Routes admin_people() {
  static constexpr Terms highest{.super_admin = true};
  static constexpr Route routes[] = {
      {Method::get, "/v1/admin/admins", "listAdmins", Guard::admin, list_admins, highest},
      {Method::post, "/v1/admin/admins", "addAdmin", Guard::admin, add_admin, highest},
      {Method::delete_, "/v1/admin/admins/{id}", "revokeAdmin", Guard::admin, revoke_admin, highest},
      {Method::post, "/v1/admin/users/{id}/reset-factors", "adminResetFactors", Guard::admin, reset_factors_of,
       highest},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
