// Login, refresh, switching between tenants, logout. Every refusal of a login looks and costs the same
// (security.md L1): an unknown address is checked against a hash nobody knows. An address that asked for tenants that
// are not there is told so ten times a minute; after that, whether a tenant is there shows neither in the answer nor in
// its time, until the right password comes.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/crypto/password.h"
#include "shared/db/connection.h"
#include "shared/tenancy/slug.h"
#include "tenantry/events/v1/activity.pb.h"
#include "tenantry/events/v1/platform.pb.h"
#include "tenantry/events/v1/security.pb.h"
#include "workers/gateway/api/auth/ended.h"
#include "workers/gateway/api/auth/factors.h"
#include "workers/gateway/api/auth/requests.h"
#include "workers/gateway/api/auth/second_factor.h"
#include "workers/gateway/api/auth/store.h"
#include "workers/gateway/api/auth/tokens.h"
#include "workers/gateway/edge/contained.h"
#include "workers/gateway/edge/cookie.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

constexpr int unknown_tenants_max = 10;  // a minute and address

// One try. Its places in the limiters are given back when it is over, however it ended.
struct Login {
  Services& services;
  std::string address;
  LoginRequest request;
  std::string named{};      // the tenant that the request is about; "": none
  std::string tenant_id{};  // the same, once it is known that it is there
  std::optional<store::Person> person{};
  LoginLimiter::Outcome outcome = LoginLimiter::Outcome::none;
  const RateDecision unknown;   // the place among the unknown tenants that it takes if need be
  bool tenant_unknown = false;  // or not to be logged in to yet

  Login(Services& of, std::string from, LoginRequest what)
      : services(of),
        address(std::move(from)),
        request(std::move(what)),
        unknown(services.unknown_tenants.take(address, unknown_tenants_max, services.monotonic())) {}
  Login(const Login&) = delete;
  Login& operator=(const Login&) = delete;
  ~Login() {
    const bool give_back = unknown.allowed && !tenant_unknown;
    services.loop.post([&of = services, account = request.email, from = address, how = outcome, give_back] {
      of.logins.settle(account, from, how, of.monotonic());
      if (give_back) of.unknown_tenants.give_back(from);
    });
  }
};

Result<http::Response> refused(const Call& call, const Login& login) {
  if (login.unknown.allowed) return invalid_credentials();
  auto response = access_problem(too_many_attempts(), call);
  response.headers.set("Retry-After", std::to_string(std::max<std::int64_t>(1, login.unknown.resets_in.count())));
  return response;
}

// Who has a second factor shows it next.
Result<http::Response> succeed(Services& services, db::Connection& connection, const Call& call, const Login& login) {
  http::Response response;
  const auto& person = *login.person;
  const auto actor = call.actor("user", person.user_id);
  Ended ended;
  const auto done =
      services.commit(connection, call, actor, [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
        const auto now = outbox.now();
        ended = reset_factors_where_due(tx, outbox, person.user_id, now);
        const auto factors = store::factors_of(tx, person.user_id);
        if (factors.any()) {
          response = ask_for_factor(services, call, person.user_id, person.email, login.tenant_id, factors.names());
          return {};
        }
        auto made = let_in(services, call, tx, outbox, person.user_id, login.tenant_id, {.at = now});
        if (!made) return made.error();
        response = *std::move(made);
        return {};
      });
  if (!done) return done.error();
  services.loop.post([&services, ended] { forget_sessions(services, ended); });
  return response;
}

Result<http::Response> fail(Services& services, db::Connection& connection, const Call& call, const Login& login) {
  if (login.tenant_unknown) return refused(call, login);
  const auto tenant_id = login.tenant_id.empty() ? std::string(events::platform_tenant) : login.tenant_id;
  const auto done = services.commit(connection, call, call.stranger(),
                                    [&](db::Transaction&, messaging::Outbox& outbox) -> Result<void> {
                                      v1::UserLoginFailed event;
                                      event.set_email(login.request.email);
                                      event.set_reason("invalid_credentials");
                                      outbox.publish(tenant_id, event);
                                      return {};
                                    });
  if (!done) return done.error();
  return refused(call, login);
}

void verify(Services& services, const CallPtr& call, const std::shared_ptr<Login>& login) {
  const bool member = login->person && (login->tenant_id.empty() || !login->person->role.empty());
  const bool known = login->person && !login->person->password_hash.empty();
  const bool right = crypto::verify_password(known ? login->person->password_hash : crypto::dummy_password_hash(),
                                             login->request.password) &&
                     known && member;
  login->outcome = login->tenant_unknown ? LoginLimiter::Outcome::none
                   : right               ? LoginLimiter::Outcome::right
                                         : LoginLimiter::Outcome::wrong;
  services.on_lane(call, [&services, call, login, right](db::Connection& connection) {
    return right ? succeed(services, connection, *call, *login) : fail(services, connection, *call, *login);
  });
}

// The tenant, where one is named, must exist and be past PENDING; whether the person is known stays open until the
// password is checked.
Result<void> look_up(Services& services, db::Connection& connection, const Call& call, Login& login) {
  return services.read(connection, [&](db::Transaction& tx) -> Result<void> {
    if (login.named.empty()) {
      login.person = store::find_person(tx, login.request.email, "");
      return {};
    }
    const auto tenant = tenancy::is_slug(login.named) ? tenancy::find_tenant(tx, login.named) : std::nullopt;
    const auto status = tenant ? tenant->lifecycle.status : tenancy::Status::deleted;
    if (status == tenancy::Status::pending || status == tenancy::Status::deleted) {
      return check_access({.status = status}, Openness::billing, services.clock.now(), call.language);
    }
    login.tenant_id = login.named;
    login.person = store::find_person(tx, login.request.email, login.named);
    return {};
  });
}

bool says_who_is_there(const Error& error) {
  return error.reason == "tenant_not_found" || error.reason == "tenant_pending";
}

void login(Services& services, const CallPtr& call) {
  if (const auto wanted = wants_cookie(call->request()); !wanted) return services.refuse(call, wanted.error());
  auto request = parse_login(call->request().body);
  if (!request) return services.refuse(call, request.error());
  const auto named = named_tenant(services, call);
  if (!named) return services.refuse(call, named.error());
  if (const auto wait = services.logins.admit(request->email, call->origin, services.monotonic())) {
    return services.refuse(call, too_many_attempts(), *wait);
  }
  const auto login = std::make_shared<Login>(services, call->origin, std::move(*request));
  login->named = *named;
  const auto queued_at = std::chrono::steady_clock::now();
  const auto task = [&services, call, login, queued_at](db::Connection& connection) {
    const auto found = contained(call->route->operation, [&] {
      const auto turn = in_time(queued_at);
      return turn ? look_up(services, connection, *call, *login) : turn;
    });
    login->tenant_unknown = !found && says_who_is_there(found.error());
    const bool tells = login->unknown.allowed || !login->tenant_unknown;
    if (!found && tells) return services.refuse(call, found.error());
    const auto answer =
        services.passwords.submit(call->holder(), [&services, call, login] { verify(services, call, login); });
    if (answer != BoundedPool::Answer::taken) services.refuse_busy(call, answer);
  };
  const auto answer = services.lanes.submit(call->holder(), task);
  if (answer != BoundedPool::Answer::taken) services.refuse_busy(call, answer);
}

Error refresh_refused() {
  return {.code = Errc::unauthenticated,
          .reason = "refresh_token_invalid",
          .message = "the refresh token is unknown, used up or expired"};
}

// Somebody has the token who should not: the thief or, after the thief, its owner. Who of them holds the newest of the
// session cannot be told, so nothing of it is good any more, and the owner logs in again.
Ended end_stolen(db::Transaction& tx, messaging::Outbox& outbox, const store::RefreshToken& token, Timestamp now) {
  auto ended = store::end_sessions(tx, {.user_id = token.user_id, .session_id = token.family}, now);
  v1::AccessRefused event;
  event.set_rule("refresh_token_reused");
  event.set_detail("a used refresh token of user " + token.user_id + " was presented again; its session has ended");
  outbox.publish(token.tenant_id, event);
  outbox.signal(token.tenant_id, v1::TenantChanged());  // other gateways forget the sessions that they hold, too
  return ended;
}

// A refresh token that is good, taken out of use. nullopt: it is not; one used before ends its session.
struct Taken {
  store::RefreshToken token;
  store::LiveSession session;
};
std::optional<Taken> take_refresh_token(db::Transaction& tx, messaging::Outbox& outbox, const std::string& token,
                                        std::string_view named_tenant, Timestamp arrived_at, Ended& ended) {
  const auto hash = hash_of_token(token);
  const auto held = store::lock_refresh_token(tx, hash);
  const auto now = outbox.now();
  // A try under another tenant's name leaves the token as it is.
  if (!held || (!named_tenant.empty() && named_tenant != held->tenant_id) || held->expires_at <= now) return {};
  if (held->used_at) {
    if (arrived_at > *held->used_at) ended = end_stolen(tx, outbox, *held, now);
    return {};
  }
  const auto session = store::see_session(tx, held->family, now);
  if (!session) return {};
  store::use_refresh_token(tx, hash, now);
  return Taken{*held, *session};
}

// One try to use a token that arrived then.
Result<http::Response> renew(Services& services, db::Connection& connection, const CallPtr& call,
                             const std::string& token, const std::string& named, Timestamp arrived_at) {
  std::optional<http::Response> response;
  Ended ended;
  const auto work = [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
    response.reset();
    ended.clear();
    const auto taken = take_refresh_token(tx, outbox, token, named, arrived_at, ended);
    if (!taken) return {};
    const auto& held = taken->token;
    const auto tenant = tenancy::find_tenant(tx, held.tenant_id);
    const auto person = store::read_person(tx, held.user_id, held.tenant_id);
    if (!tenant || tenant->lifecycle.status == tenancy::Status::deleted) return {};
    if (!person || person->role.empty()) return {};
    response = issue_tokens(services, *call, tx, *person, {held.family, held.tenant_id, taken->session.expires_at});
    return {};
  };
  if (const auto done = services.commit(connection, *call, call->stranger(), work); !done) return done.error();
  services.loop.post([&services, ended] { forget_sessions(services, ended); });
  if (response) return std::move(*response);
  return refresh_refused();
}

// Two tabs that refresh at once are no theft: of tries that overlap one wins, and the others are refused without
// harm. Which do is known exactly within a process, and by the time of arrival between two.
void refresh(Services& services, const CallPtr& call) {
  auto token = parse_refresh(call->request().body);
  if (!token) return services.refuse(call, token.error());
  const auto named = named_tenant(services, call);
  if (!named) return services.refuse(call, named.error());
  if (!services.refreshing.insert(*token).second) return services.refuse(call, refresh_refused());
  std::shared_ptr<void> turn(nullptr, [&services, token = *token](void*) {
    services.loop.post([&services, token] { services.refreshing.erase(token); });
  });
  services.on_lane(call, [&services, call, token = *token, named = *named, arrived_at = services.clock.now(),
                          turn](db::Connection& connection) mutable {
    auto answer = renew(services, connection, call, token, named, arrived_at);
    turn.reset();  // before the answer: what comes after it is another try
    return answer;
  });
}

// Who wants to switch: by a refresh token or the console's cookie, whose session ends, or by the token of a login that
// named no tenant.
struct Switcher {
  std::string user_id;
  Proof proof{};
  std::string left_tenant{};
};

// A tenant that is not there and one that the person does not belong to look alike.
Result<http::Response> enter(Services& services, const Call& call, db::Transaction& tx, messaging::Outbox& outbox,
                             const Switcher& who, const std::string& tenant_id) {
  const auto tenant = tenancy::is_slug(tenant_id) ? tenancy::find_tenant(tx, tenant_id) : std::nullopt;
  const auto person = tenant ? store::read_person(tx, who.user_id, tenant_id) : std::nullopt;
  if (!person || person->role.empty() || tenant->lifecycle.status == tenancy::Status::deleted) {
    return no_tenant(call);
  }
  if (tenant->lifecycle.status == tenancy::Status::pending) {
    return check_access({.status = tenancy::Status::pending}, Openness::billing, services.clock.now(), call.language)
        .error();
  }
  outbox.set_cause(nullptr, call.actor("user", who.user_id));
  if (!who.left_tenant.empty()) {
    v1::UserLoggedOut left;
    left.set_user_id(who.user_id);
    outbox.publish(who.left_tenant, left);
    outbox.signal(who.left_tenant, v1::TenantChanged());
  }
  return start_session(services, call, tx, outbox, *person, tenant_id, who.proof);
}

// The old session is over and the new one is the other tenant's: neither tenant's log names the other.
void switch_tenant(Services& services, const CallPtr& call) {
  const auto request = parse_switch(call->request().body);
  if (!request) return services.refuse(call, request.error());
  const auto by_cookie = wants_cookie(call->request());
  if (!by_cookie) return services.refuse(call, by_cookie.error());
  const auto cookie = cookie_token(call->request());
  if (!cookie) return services.refuse(call, cookie.error());
  const auto cookie_hash = *by_cookie && *cookie ? hash_of_token(**cookie) : Bytes{};
  std::optional<crypto::Claims> selecting;
  if (request->refresh_token.empty() && cookie_hash.empty()) {
    const auto claims = claims_of_login(services, *call, select_token_type);
    if (!claims) return services.refuse(call, claims.error());
    selecting = *claims;
  }
  services.on_lane(
      call,
      [&services, call, request = *request, selecting, cookie_hash,
       arrived_at = services.clock.now()](db::Connection& connection) -> Result<http::Response> {
        std::optional<http::Response> response;
        Ended ended;
        const auto work = [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
          response.reset();
          ended.clear();
          Switcher who;
          if (selecting) {
            who = {selecting->sub, {given_at(*selecting), selecting->factor}};
            if (store::password_changed_after(tx, who.user_id, who.proof.at)) return {};
            // Set up since: it has to be shown.
            if (who.proof.factor.empty() && store::factors_of(tx, who.user_id).any()) return {};
          } else if (!cookie_hash.empty()) {
            const auto shown = store::session_of_cookie(tx, cookie_hash, outbox.now());
            if (!shown) return {};
            who = {shown->user_id, {shown->authenticated_at, shown->second_factor}, shown->tenant_id};
            ended = store::end_sessions(tx, {.user_id = who.user_id, .session_id = shown->session_id}, outbox.now());
          } else {
            const auto taken = take_refresh_token(tx, outbox, request.refresh_token, "", arrived_at, ended);
            if (!taken) return {};
            who = {taken->token.user_id,
                   {taken->session.authenticated_at, taken->session.second_factor},
                   taken->token.tenant_id};
            ended = store::end_sessions(tx, {.user_id = who.user_id, .session_id = taken->token.family}, outbox.now());
          }
          auto entered = enter(services, *call, tx, outbox, who, request.tenant_id);
          if (!entered) return entered.error();
          response = *std::move(entered);
          return {};
        };
        if (const auto done = services.commit(connection, *call, call->stranger(), work); !done) return done.error();
        services.loop.post([&services, ended] { forget_sessions(services, ended); });
        if (response) return std::move(*response);
        return refresh_refused();
      });
}

void logout(Services& services, const CallPtr& call) {
  const auto ended = std::make_shared<Ended>();
  change(
      services, call, parse_logout(call->request().body),
      [call, ended](const std::optional<std::string>& token, db::Transaction& tx,
                    messaging::Outbox& outbox) -> Result<http::Response> {
        const auto& user_id = call->claims->sub;
        *ended = store::end_sessions(tx, {.user_id = user_id, .session_id = call->claims->sid}, outbox.now());
        // A refresh token of another session of the same person: that one, too.
        const auto other = token ? store::lock_refresh_token(tx, hash_of_token(*token)) : std::nullopt;
        if (other && other->user_id == user_id && other->family != call->claims->sid) {
          for (auto& session :
               store::end_sessions(tx, {.user_id = user_id, .session_id = other->family}, outbox.now())) {
            ended->push_back(std::move(session));
          }
        }
        outbox.signal(call->tenant_id(), v1::TenantChanged());  // as after a theft
        v1::UserLoggedOut event;
        event.set_user_id(user_id);
        outbox.publish(call->tenant_id(), event);
        http::Response response{.status = 204};
        // The cookie of a super-admin outlives the visit.
        if (!call->cookie.empty() && !call->session->acting) response.headers.add("Set-Cookie", clear_cookie());
        return response;
      },
      // The caller's next request with this token is refused.
      [&services, ended] { forget_sessions(services, *ended); });
}

}  // namespace

namespace api {
Routes auth() {
  static constexpr Route routes[] = {
      {Method::post, "/auth/login", "login", Guard::open, login},
      {Method::post, "/auth/refresh", "refresh", Guard::open, refresh},
      {Method::post, "/auth/switch", "switchTenant", Guard::open, switch_tenant},
      {Method::post, "/auth/logout", "logout", Guard::billing, logout, {.before_factor = true, .acting = true}},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
