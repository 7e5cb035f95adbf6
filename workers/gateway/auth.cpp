// Login, refresh, logout. Every refusal of a login looks and costs the same
// (security.md L1): an unknown address is checked against a hash nobody knows.
#include <nlohmann/json.hpp>

#include "shared/crypto/hash.h"
#include "shared/crypto/password.h"
#include "shared/db/connection.h"
#include "shared/tenancy/slug.h"
#include "tenantry/events/v1/activity.pb.h"
#include "workers/gateway/routes.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;

constexpr Seconds access_token_life{3600};
constexpr Days refresh_token_life{30};
constexpr std::size_t refresh_token_bytes = 32;

Error invalid_credentials() {
  return {.code = Errc::unauthenticated,
          .reason = "invalid_credentials",
          .message = "the e-mail address or the password is wrong"};
}

Bytes hash_of(std::string_view token) {
  const auto digest = crypto::sha256(as_bytes(token));
  return {digest.begin(), digest.end()};
}

// An access token and a refresh token for a member.
http::Response issue_tokens(Services& services, const Call& call, db::Transaction& tx, const store::Person& person,
                            const std::string& tenant_id) {
  const auto now = services.clock.now();
  const crypto::Claims claims{.sub = person.user_id,
                              .email = person.email,
                              .tenant_id = tenant_id,
                              .tenant_role = person.role,
                              .tenants = person.tenants,
                              .iat = to_unix_seconds(now),
                              .exp = to_unix_seconds(now + access_token_life),
                              .jti = services.ids.next().to_string(),
                              .typ = "access"};
  const auto refresh_token = to_base64url(crypto::random_bytes(refresh_token_bytes));
  store::add_refresh_token(tx, hash_of(refresh_token), {person.user_id, tenant_id}, now + refresh_token_life, now);
  auto response =
      json_response(200, {{"access_token", crypto::sign(*call.reference->keys, claims, "tenantry", "tenantry-api")},
                          {"token_type", "bearer"},
                          {"expires_in", access_token_life.count()},
                          {"refresh_token", refresh_token}});
  response.headers.add("Cache-Control", "no-store");
  return response;
}

// One try. Its place in the limiter is given back when it is over, however it ended.
struct Login {
  Services& services;
  std::string address;
  LoginRequest request;
  std::string tenant_id{};
  std::optional<store::Person> person{};
  LoginLimiter::Outcome outcome = LoginLimiter::Outcome::none;

  Login(Services& of, std::string from, LoginRequest what)
      : services(of), address(std::move(from)), request(std::move(what)) {}
  Login(const Login&) = delete;
  Login& operator=(const Login&) = delete;
  ~Login() {
    services.loop.post([&of = services, account = request.email, from = address, how = outcome] {
      of.logins.settle(account, from, how, of.monotonic());
    });
  }
};

Result<http::Response> succeed(Services& services, db::Connection& connection, const Call& call, const Login& login) {
  http::Response response;
  const auto actor = call.actor("user", login.person->user_id);
  const auto done =
      services.commit(connection, call, actor, [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
        response = issue_tokens(services, call, tx, *login.person, login.tenant_id);
        v1::UserLoggedIn event;
        event.set_user_id(login.person->user_id);
        event.set_email(login.person->email);
        outbox.publish(login.tenant_id, event);
        return {};
      });
  if (!done) return done.error();
  return response;
}

Result<http::Response> fail(Services& services, db::Connection& connection, const Call& call, const Login& login) {
  const auto done = services.commit(connection, call, call.stranger(),
                                    [&](db::Transaction&, messaging::Outbox& outbox) -> Result<void> {
                                      v1::UserLoginFailed event;
                                      event.set_email(login.request.email);
                                      event.set_reason("invalid_credentials");
                                      outbox.publish(login.tenant_id, event);
                                      return {};
                                    });
  if (!done) return done.error();
  return invalid_credentials();
}

void verify(Services& services, const CallPtr& call, const std::shared_ptr<Login>& login) {
  const bool member = login->person && !login->person->role.empty() && !login->person->password_hash.empty();
  const bool known = login->person && !login->person->password_hash.empty();
  const bool right = crypto::verify_password(known ? login->person->password_hash : crypto::dummy_password_hash(),
                                             login->request.password) &&
                     member;
  login->outcome = right ? LoginLimiter::Outcome::right : LoginLimiter::Outcome::wrong;
  services.on_lane(call, [&services, call, login, right](db::Connection& connection) {
    return right ? succeed(services, connection, *call, *login) : fail(services, connection, *call, *login);
  });
}

// The tenant must exist and be past PENDING; whether the person is known stays open until the password is checked.
Result<void> look_up(Services& services, db::Connection& connection, const Call& call, Login& login) {
  return services.read(connection, [&](db::Transaction& tx) -> Result<void> {
    const auto tenant_id = named_tenant(services, call);
    if (!tenant_id) return tenant_id.error();
    if (tenant_id->empty()) {
      return Error::invalid("/tenant_id", "required", "name the tenant by X-Tenant-ID, its subdomain or its path");
    }
    const auto tenant = tenancy::is_slug(*tenant_id) ? tenancy::find_tenant(tx, *tenant_id) : std::nullopt;
    const auto status = tenant ? tenant->lifecycle.status : tenancy::Status::deleted;
    if (status == tenancy::Status::pending || status == tenancy::Status::deleted) {
      return check_access({.status = status}, Openness::billing, services.clock.now(), call.language);
    }
    login.tenant_id = *tenant_id;
    login.person = store::find_person(tx, login.request.email, *tenant_id);
    return {};
  });
}

}  // namespace

void login(Services& services, const CallPtr& call) {
  auto request = parse_login(call->request().body);
  if (!request) return services.refuse(call, request.error());
  if (const auto wait = services.logins.admit(request->email, call->address, services.monotonic())) {
    return services.refuse(call,
                           Error{.code = Errc::rate_limited,
                                 .reason = "too_many_attempts",
                                 .message = "too many failed logins; wait before the next one"},
                           *wait);
  }
  const auto login = std::make_shared<Login>(services, call->address, std::move(*request));
  const Error overloaded{.code = Errc::unavailable, .reason = "overloaded", .message = "login"};
  const auto queued_at = std::chrono::steady_clock::now();
  const bool taken = services.lanes.submit([&services, call, login, overloaded, queued_at](db::Connection& connection) {
    Result<void> found;
    try {
      found = in_time(queued_at);
      if (found) found = look_up(services, connection, *call, *login);
    } catch (const std::exception& error) {
      found = Error{.code = Errc::internal, .message = error.what()};
    }
    if (!found) return services.refuse(call, found.error());
    if (!services.passwords.submit([&services, call, login] { verify(services, call, login); })) {
      services.refuse(call, overloaded);
    }
  });
  if (!taken) services.refuse(call, overloaded);
}

void refresh(Services& services, const CallPtr& call) {
  auto token = parse_refresh(call->request().body);
  if (!token) return services.refuse(call, token.error());
  services.on_lane(call, [&services, call, token = *token](db::Connection& connection) -> Result<http::Response> {
    std::optional<http::Response> response;
    const auto work = [&](db::Transaction& tx, messaging::Outbox&) -> Result<void> {
      response.reset();
      const auto named = named_tenant(services, *call);
      if (!named) return named.error();
      const auto owner = store::take_refresh_token(tx, hash_of(token), services.clock.now());
      if (!owner || (!named->empty() && *named != owner->tenant_id)) return {};
      const auto tenant = tenancy::find_tenant(tx, owner->tenant_id);
      const auto person = store::read_person(tx, owner->user_id, owner->tenant_id);
      if (!tenant || tenant->lifecycle.status == tenancy::Status::deleted) return {};
      if (!person || person->role.empty()) return {};
      response = issue_tokens(services, *call, tx, *person, owner->tenant_id);
      return {};
    };
    if (const auto done = services.commit(connection, *call, call->stranger(), work); !done) return done.error();
    if (response) return std::move(*response);
    return Error{.code = Errc::unauthenticated,
                 .reason = "refresh_token_invalid",
                 .message = "the refresh token is unknown, used up or expired"};
  });
}

void logout(Services& services, const CallPtr& call) {
  const auto token = parse_logout(call->request().body);
  if (!token) return services.refuse(call, token.error());
  services.on_lane(call, [&services, call, token = *token](db::Connection& connection) -> Result<http::Response> {
    const auto done = services.commit(
        connection, *call, call->user(), [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
          store::revoke_token(tx, call->claims->jti, from_unix_seconds(call->claims->exp));
          store::drop_refresh_tokens(tx, {call->claims->sub, call->tenant_id()},
                                     token ? std::optional{hash_of(*token)} : std::nullopt);
          v1::UserLoggedOut event;
          event.set_user_id(call->claims->sub);
          outbox.publish(call->tenant_id(), event);
          return {};
        });
    if (!done) return done.error();
    // Before the answer, so that the caller's next request with this token is refused.
    services.loop.post([&services, jti = call->claims->jti] { services.session_changed(jti); });
    return http::Response{.status = 204};
  });
}

}  // namespace tenantry::gateway
