// Super-admins log in: e-mail and password, then the second factor, which none of them does without; who has none yet
// gets in to set one up, and no further. And a way into one tenant, for half an hour, with a reason.
#include "workers/gateway/api/auth/admins.h"

#include <nlohmann/json.hpp>

#include "events/proto_time.h"
#include "events/topology.h"
#include "shared/crypto/password.h"
#include "shared/db/connection.h"
#include "shared/tenancy/slug.h"
#include "tenantry/events/v1/activity.pb.h"
#include "tenantry/events/v1/identity.pb.h"
#include "tenantry/events/v1/platform.pb.h"
#include "workers/gateway/api/auth/factors.h"
#include "workers/gateway/api/auth/password_try.h"
#include "workers/gateway/api/auth/requests.h"
#include "workers/gateway/api/auth/second_factor.h"
#include "workers/gateway/api/auth/tokens.h"
#include "workers/gateway/edge/contained.h"
#include "workers/gateway/edge/cookie.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

constexpr Seconds admin_challenge_life{300};
constexpr std::size_t admin_token_bytes = 32;

// ---- login

http::Response start_session(Services& services, const Call& call, db::Transaction& tx, messaging::Outbox& outbox,
                             const store::Admin& admin, const std::string& factor) {
  const bool by_cookie = call.request().headers.count("X-Tenantry") > 0;  // who may ask for one was asked before
  const auto secret = to_base64url(crypto::random_bytes(admin_token_bytes));
  const auto token = by_cookie ? secret : std::string(admin_token_prefix) + secret;
  const auto expires_at = outbox.now() + store::admin_session_life;
  store::add_admin_session(tx, by_cookie ? store::ShownBy::cookie : store::ShownBy::token, hash_of_token(token),
                           {.session_id = services.ids.next().to_string(),
                            .user_id = admin.user_id,
                            .second_factor = factor,
                            .user_agent = call.user_agent(),
                            .address = call.origin,
                            .expires_at = expires_at},
                           outbox.now());
  v1::AdminLoggedIn event;
  event.set_user_id(admin.user_id);
  event.set_email(admin.email);
  event.set_role(admin.role);
  outbox.publish(events::platform_tenant, event);
  json body = {{"role", admin.role}, {"second_factor", factor}, {"expires_at", to_rfc3339(expires_at)}};
  if (!by_cookie) {
    body["token"] = token;
    body["token_type"] = "bearer";
    return secret_answer(body);
  }
  auto response = secret_answer(body);
  response.headers.add("Set-Cookie", set_cookie(token, store::admin_session_life));
  return response;
}

http::Response ask_for_admins_factor(Services& services, const Call& call, const store::Admin& admin,
                                     const std::vector<std::string>& factors) {
  const auto now = to_unix_seconds(services.clock.now());
  const crypto::Claims claims{.sub = admin.user_id,
                              .email = admin.email,
                              .iat = now,
                              .exp = now + admin_challenge_life.count(),
                              .jti = services.ids.next().to_string(),
                              .typ = std::string(admin_challenge_token_type)};
  return secret_answer({{"challenge_token", crypto::sign(*call.reference->keys, claims, "tenantry", "tenantry-api")},
                        {"expires_in", admin_challenge_life.count()},
                        {"factors", factors}});
}

Result<http::Response> succeed(Services& services, db::Connection& connection, const Call& call,
                               const store::Admin& admin) {
  http::Response response;
  Ended ended;
  const auto done = services.commit(connection, call, call.actor("admin", admin.user_id),
                                    [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                                      ended = reset_factors_where_due(tx, outbox, admin.user_id, outbox.now());
                                      const auto factors = store::factors_of(tx, admin.user_id);
                                      response = factors.any()
                                                     ? ask_for_admins_factor(services, call, admin, factors.names())
                                                     : start_session(services, call, tx, outbox, admin, "");
                                      return {};
                                    });
  if (!done) return done.error();
  services.loop.post([&services, ended] { forget_sessions(services, ended); });
  return response;
}

Result<http::Response> fail(Services& services, db::Connection& connection, const Call& call,
                            const std::string& email) {
  const auto done = services.commit(connection, call, call.stranger(),
                                    [&](db::Transaction&, messaging::Outbox& outbox) -> Result<void> {
                                      v1::UserLoginFailed event;
                                      event.set_email(email);
                                      event.set_reason("admin_invalid_credentials");
                                      outbox.publish(events::platform_tenant, event);
                                      return {};
                                    });
  if (!done) return done.error();
  return invalid_credentials();
}

// Who is no super-admin is answered like who is one and errs, after the same work.
void log_in(Services& services, const CallPtr& call) {
  if (const auto wanted = wants_cookie(call->request()); !wanted) return services.refuse(call, wanted.error());
  const auto request = parse_login(call->request().body);
  if (!request) return services.refuse(call, request.error());
  if (const auto wait = services.logins.admit(request->email, call->origin, services.monotonic())) {
    return services.refuse(call, too_many_attempts(), *wait);
  }
  const auto tried = std::make_shared<PasswordTry>(services, request->email, call->origin);
  const auto verify = [&services, call, request = *request, tried](const std::optional<store::Admin>& admin) {
    const bool same =
        crypto::verify_password(admin ? admin->password_hash : crypto::dummy_password_hash(), request.password);
    const bool right = admin && same;
    tried->outcome = right ? LoginLimiter::Outcome::right : LoginLimiter::Outcome::wrong;
    services.on_lane(call, [&services, call, admin, right, email = request.email](db::Connection& connection) {
      return right ? succeed(services, connection, *call, *admin) : fail(services, connection, *call, email);
    });
  };
  const auto task = [&services, call, email = request->email, verify](db::Connection& connection) {
    std::optional<store::Admin> admin;
    const auto found = contained(call->route->operation, [&] {
      return services.read(connection, [&](db::Transaction& tx) -> Result<void> {
        admin = store::find_admin(tx, email);
        return {};
      });
    });
    if (!found) return services.refuse(call, found.error());
    const auto answer = services.passwords.submit(call->holder(), [verify, admin] { verify(admin); });
    if (answer != BoundedPool::Answer::taken) services.refuse_busy(call, answer);
  };
  const auto answer = services.lanes.submit(call->holder(), task);
  if (answer != BoundedPool::Answer::taken) services.refuse_busy(call, answer);
}

void show_admin_factor(Services& services, const CallPtr& call) {
  if (const auto wanted = wants_cookie(call->request()); !wanted) return services.refuse(call, wanted.error());
  const auto shown = parse_factor(call->request().body);
  if (!shown) return services.refuse(call, shown.error());
  const auto claims = claims_of_login(services, *call, admin_challenge_token_type);
  if (!claims) return services.refuse(call, claims.error());
  prove(services, call, {.user_id = claims->sub, .email = claims->email}, *shown,
        [&services, call, claims = *claims](db::Transaction& tx, messaging::Outbox& outbox,
                                            const std::string& factor) -> Result<http::Response> {
          const auto admin = store::read_admin(tx, claims.sub);
          if (!admin || store::password_changed_after(tx, claims.sub, given_at(claims))) {
            return invalid_credentials();
          }
          outbox.set_cause(nullptr, call->actor("admin", claims.sub));
          return start_session(services, *call, tx, outbox, *admin, factor);
        });
}

// ---- one's own sessions

void who_am_i(Services& services, const CallPtr& call) {
  if (!call->admin_session) {
    return services.answer(call, json_response(200, {{"id", nullptr}, {"name", call->admin}, {"role", "super-admin"}}));
  }
  const auto& session = *call->admin_session;
  services.answer(call, json_response(200, {{"id", session.user_id},
                                            {"name", session.email},
                                            {"role", session.role},
                                            {"second_factor", session.second_factor},
                                            {"authenticated_at", to_rfc3339(session.authenticated_at)},
                                            {"expires_at", to_rfc3339(session.expires_at)}}));
}

void list_sessions(Services& services, const CallPtr& call) {
  const bool recent = recently_authenticated(services, *call).has_value();
  read(services, call, [&services, call, recent](db::Transaction& tx) -> Result<http::Response> {
    auto sessions = store::list_admin_sessions(tx, call->admin_session->user_id, services.clock.now());
    for (auto& session : sessions) session["current"] = session["id"] == call->admin_session->session_id;
    return json_response(200, {{"sessions", std::move(sessions)}, {"recently_authenticated", recent}});
  });
}

// The tenant's log says who has left, and gateways forget the visit.
void tell_left(const Call& call, messaging::Outbox& outbox, const std::string& tenant_id) {
  v1::UserLoggedOut event;
  event.set_user_id(call.admin_session->user_id);
  outbox.publish(tenant_id, event);
  outbox.signal(tenant_id, v1::TenantChanged());
}

void end_session(Services& services, const CallPtr& call, const std::string& session_id) {
  change(services, call, [call, session_id](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto& user_id = call->admin_session->user_id;
    if (const auto visited = store::end_visit(tx, session_id, outbox.now())) tell_left(*call, outbox, *visited);
    if (store::end_admin_sessions(tx, user_id, session_id, "", outbox.now()) == 0) {
      return Error{.code = Errc::not_found, .reason = "session_not_found", .message = "no such session"};
    }
    v1::AdminLoggedOut event;
    event.set_user_id(user_id);
    outbox.publish(events::platform_tenant, event);
    http::Response response{.status = 204};
    const bool own = !call->cookie.empty() && session_id == call->admin_session->session_id;
    if (own) response.headers.add("Set-Cookie", clear_cookie());
    return response;
  });
}
void end_admin_session(Services& services, const CallPtr& call) {
  end_session(services, call, id_of(*call).to_string());
}
void log_out(Services& services, const CallPtr& call) {
  end_session(services, call, call->admin_session->session_id);
}

// ---- inside a tenant

// A session of the tenant's, of no member; it is in the tenant's log with its reason, and so is what is done by it.
void act(Services& services, const CallPtr& call) {
  const auto request = parse_acting(call->request().body);
  if (!request) return services.refuse(call, request.error());
  if (auto ok = recently_authenticated(services, *call); !ok) return services.refuse(call, ok.error());
  change(services, call,
         [&services, call, asked = *request](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
           const auto& admin = *call->admin_session;
           const auto& tenant_id = call->path.at("id");
           const auto tenant = tenancy::is_slug(tenant_id) ? tenancy::find_tenant(tx, tenant_id) : std::nullopt;
           if (!tenant || tenant->lifecycle.status == tenancy::Status::deleted) return no_tenant(*call);
           const auto now = outbox.now();
           const auto ends_at = now + Seconds{60 * asked.minutes};
           const auto session_id = services.ids.next().to_string();
           store::add_session(tx,
                              {.session_id = session_id,
                               .user_id = admin.user_id,
                               .tenant_id = tenant_id,
                               .user_agent = call->user_agent(),
                               .address = call->origin,
                               .second_factor = admin.second_factor,
                               .authenticated_at = now,
                               .expires_at = ends_at,
                               .acting_reason = asked.reason,
                               .acting_writes = asked.writes},
                              now);
           const bool by_cookie = !call->cookie.empty();
           const auto left = by_cookie ? store::end_visit(tx, admin.session_id, now) : std::nullopt;
           if (left) tell_left(*call, outbox, *left);
           if (by_cookie) store::begin_visit(tx, admin.session_id, session_id);
           v1::AdminEnteredTenant event;
           event.set_admin_id(admin.user_id);
           event.set_session_id(session_id);
           event.set_email(admin.email);
           event.set_reason(asked.reason);
           event.set_writes(asked.writes);
           *event.mutable_ends_at() = events::to_proto(ends_at);
           outbox.publish(tenant_id, event);
           json body = {{"tenant_id", tenant_id},
                        {"session_id", session_id},
                        {"writes", asked.writes},
                        {"ends_at", to_rfc3339(ends_at)}};
           if (by_cookie) return json_response(200, body);  // which is good for it now
           const crypto::Claims claims{.sub = admin.user_id,
                                       .email = admin.email,
                                       .tenant_id = tenant_id,
                                       .iat = to_unix_seconds(now),
                                       .exp = to_unix_seconds(ends_at),
                                       .jti = services.ids.next().to_string(),
                                       .sid = session_id,
                                       .typ = "access"};
           body["access_token"] = crypto::sign(*call->reference->keys, claims, "tenantry", "tenantry-api");
           body["token_type"] = "bearer";
           return secret_answer(body);
         });
}

// Of the console: what the cookie is good for besides ends.
void leave(Services& services, const CallPtr& call) {
  const auto& visit = call->admin_session->visit;
  change(
      services, call,
      [call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto visited = store::end_visit(tx, call->admin_session->session_id, outbox.now());
        if (!visited) return nothing_here();
        tell_left(*call, outbox, *visited);
        return http::Response{.status = 204};
      },
      [&services, sid = visit ? visit->session_id : std::string{}] { services.session_changed(sid); });
}

}  // namespace

namespace api {
Routes admins() {
  static constexpr Terms own{.before_factor = true, .person = true};
  static constexpr Route routes[] = {
      {Method::post, "/v1/admin/auth/login", "adminLogin", Guard::open, log_in},
      {Method::post, "/v1/admin/auth/login/factor", "adminShowFactor", Guard::open, show_admin_factor},
      {Method::post, "/v1/admin/auth/logout", "adminLogout", Guard::admin, log_out, own},
      {Method::get, "/v1/admin/me", "adminMe", Guard::admin, who_am_i, {.before_factor = true}},
      {Method::get, "/v1/admin/me/sessions", "adminListOwnSessions", Guard::admin, list_sessions, own},
      {Method::delete_, "/v1/admin/me/sessions/{id}", "adminEndOwnSession", Guard::admin, end_admin_session, own},
      {Method::post, "/v1/admin/tenants/{id}/act", "adminAct", Guard::admin, act, {.person = true}},
      {Method::delete_, "/v1/admin/me/visit", "adminLeaveTenant", Guard::admin, leave, own},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
