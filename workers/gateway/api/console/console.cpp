// What the console's pages need besides the API: whose session the browser has, a super-admin's session, and where the
// browser tells what our policy kept from running.
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/db/connection.h"
#include "shared/telemetry/log.h"
#include "shared/telemetry/metrics.h"
#include "tenantry/events/v1/activity.pb.h"
#include "workers/gateway/api/console/requests.h"
#include "workers/gateway/edge/cookie.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

constexpr int reports_a_minute = 30;  // of an address
constexpr std::size_t report_logged_max = 1000;

// With `token` null: a person, and no token of the platform's.
json shown(const store::AdminSession& session) {
  json body = {{"kind", "admin"},
               {"name", session.email},
               {"token", nullptr},
               {"role", session.role},
               {"second_factor", session.second_factor}};
  if (const auto& visit = session.visit) {
    body["visit"] = {{"tenant_id", visit->tenant_id},
                     {"reason", visit->reason},
                     {"writes", visit->writes},
                     {"ends_at", to_rfc3339(visit->ends_at)}};
  }
  return body;
}

// Always 200: that nobody is logged in is no error of a page that asks.
void session(Services& services, const CallPtr& call) {
  with_cookie(services, call, [&services, call](const std::shared_ptr<const CookieEntry>& entry) {
    json body = {{"kind", "none"}};
    if (entry != nullptr && entry->admin_session != nullptr) {
      body = shown(*entry->admin_session);
    } else if (entry != nullptr && entry->claims == nullptr) {
      body = {{"kind", "admin"}, {"name", entry->person}, {"token", entry->admin}};
    } else if (entry != nullptr) {
      body = {{"kind", "member"}, {"tenant_id", entry->claims->tenant_id}};
    }
    if (entry != nullptr) body["expires_at"] = to_rfc3339(entry->ends_at);
    auto response = json_response(200, body);
    // A cookie that shows no session stands in the way of whoever logs in by the token of a login's first step.
    if (entry == nullptr && !call->cookie.empty()) response.headers.add("Set-Cookie", clear_cookie());
    services.answer(call, std::move(response));
  });
}

// Whoever holds a super-admin's token, under the name that is given: for as long as no super-admin is a person who logs
// in (ADR 29).
struct Admitted {
  std::string admin;
  crypto::Digest credential{};
  std::string person;
};

Result<http::Response> begin(Services& services, const Call& call, db::Transaction& tx, messaging::Outbox& outbox,
                             const Admitted& who) {
  if (store::has_super_admin(tx)) {
    return Error{.code = Errc::forbidden,
                 .reason = "admin_login_required",
                 .message =
                     "there are super-admins who log in: the platform's token is for the first one and for the "
                     "command line"};
  }
  const auto cookie = to_base64url(crypto::random_bytes(cookie_bytes));
  const auto now = services.clock.now();
  const auto expires_at = now + store::admin_session_life;
  tx.send(
      "INSERT INTO platform.admin_cookies (cookie_hash, admin, credential_hash, person, created_at, last_seen_at, "
      "expires_at, user_agent, address) VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8)",
      {ByteView{crypto::sha256(as_bytes(cookie))}, who.admin, ByteView{who.credential}, who.person, now, expires_at,
       call.user_agent(), call.origin});
  v1::UserLoggedIn event;
  event.set_user_id(who.admin + '/' + who.person);
  event.set_email(who.person);
  outbox.set_cause(nullptr, call.actor("user", event.user_id()));
  outbox.publish(std::string(events::platform_tenant), event);
  auto response = json_response(
      200, {{"kind", "admin"}, {"name", who.person}, {"token", who.admin}, {"expires_at", to_rfc3339(expires_at)}});
  response.headers.add("Set-Cookie", set_cookie(cookie, store::admin_session_life));
  return response;
}

void begin_admin_session(Services& services, const CallPtr& call) {
  if (const auto ours = from_console(call->request()); !ours) return services.refuse(call, ours.error());
  const auto login = parse_admin_login(call->request().body);
  if (!login) return services.refuse(call, login.error());
  const auto* const admin = find_admin(services, login->token);
  if (admin == nullptr) return refuse_guess(services, call);
  const Admitted who{admin->name, crypto::sha256(as_bytes(admin->token)), login->name};
  change(services, call, [&services, call, who](db::Transaction& tx, messaging::Outbox& outbox) {
    return begin(services, *call, tx, outbox, who);
  });
}

void end_admin_cookie(Services& services, const CallPtr& call) {
  change(
      services, call,
      [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto ended =
            tx.exec("DELETE FROM platform.admin_cookies WHERE cookie_hash = $1", {as_bytes(call->cookie)});
        if (ended.affected() > 0) {
          v1::UserLoggedOut event;
          event.set_user_id(call->admin);
          outbox.publish(std::string(events::platform_tenant), event);
        }
        return http::Response{.status = 204, .headers = {{"Set-Cookie", clear_cookie()}}};
      },
      [&services, call] { services.caches.cookies.drop(call->cookie); });
}

void csp_report(Services& services, const CallPtr& call) {
  if (services.csp_reports.take(call->origin, reports_a_minute, services.monotonic()).allowed) {
    metrics::counter("tenantry_console_csp_reports_total", "What browsers kept from running in the console's pages.");
    log::warn("a browser reports what the console's policy forbids",
              {{"report", printable(call->request().body, report_logged_max)}});
  }
  services.answer(call, {.status = 204});
}

}  // namespace

namespace api {
Routes console() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/console/session", "consoleSession", Guard::open, session},
      {Method::post, "/v1/console/admin-session", "beginAdminSession", Guard::open, begin_admin_session},
      {Method::delete_, "/v1/console/admin-session", "endAdminSession", Guard::admin, end_admin_cookie},
      {Method::post,
       "/v1/console/csp-reports",
       "cspReport",
       Guard::open,
       csp_report,
       {.body = BodyKind::report, .before_database = true}},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
