#include "workers/gateway/api/auth/tokens.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "events/proto_time.h"
#include "events/topology.h"
#include "shared/crypto/hash.h"
#include "shared/db/connection.h"
#include "tenantry/events/v1/activity.pb.h"
#include "tenantry/events/v1/identity.pb.h"
#include "workers/gateway/edge/cookie.h"
#include "workers/gateway/edge/render.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

constexpr Seconds access_token_life{3600};
constexpr Days session_life{30};         // however often it is seen
constexpr Seconds login_step_life{300};  // to choose a tenant, to show a second factor
constexpr std::size_t refresh_token_bytes = 32;

json shown(const std::vector<store::Membership>& memberships) {
  auto list = json::array();
  for (const auto& membership : memberships) {
    list.push_back({{"tenant_id", membership.tenant_id},
                    {"slug", membership.tenant_id},
                    {"company_name", membership.company_name},
                    {"role", membership.role}});
  }
  return list;
}

// Who the person is, without a tenant: to choose one or to accept an invitation.
http::Response offer_tenants(Services& services, const Call& call, const store::Person& person,
                             const std::vector<store::Membership>& memberships, const Proof& proof) {
  const auto now = to_unix_seconds(services.clock.now());
  const crypto::Claims claims{.sub = person.user_id,
                              .email = person.email,
                              .iat = now,
                              .exp = now + login_step_life.count(),
                              .jti = services.ids.next().to_string(),
                              .typ = std::string(select_token_type),
                              .factor = proof.factor};
  return secret_answer({{"select_token", crypto::sign(*call.reference->keys, claims, "tenantry", "tenantry-api")},
                        {"expires_in", login_step_life.count()},
                        {"tenants", shown(memberships)}});
}

std::string user_agent_of(const Call& call) {
  return call.user_agent();
}

// The person is told, whose it may not have been.
void tell_new_place(const Call& call, db::Transaction& tx, messaging::Outbox& outbox, const store::Person& person) {
  const auto user_agent = user_agent_of(call);
  if (!store::is_new_place(tx, person.user_id, call.origin, user_agent)) return;
  const auto account = store::read_account(tx, person.user_id);
  if (!account) return;
  v1::LoginFromNewPlace event;
  event.set_user_id(person.user_id);
  event.set_email(person.email);
  event.set_locale(account->locale);
  event.set_address(call.origin);
  event.set_user_agent(user_agent);
  *event.mutable_at() = events::to_proto(outbox.now());
  outbox.publish(events::platform_tenant, event);
}

}  // namespace

Bytes hash_of_token(std::string_view token) {
  const auto digest = crypto::sha256(as_bytes(token));
  return {digest.begin(), digest.end()};
}

http::Response secret_answer(const json& body) {
  auto response = json_response(200, body);
  response.headers.add("Cache-Control", "no-store");
  return response;
}

http::Response issue_tokens(Services& services, const Call& call, db::Transaction& tx, const store::Person& person,
                            const Place& place) {
  const auto now = services.clock.now();
  const auto life = std::min<Microseconds>(access_token_life, place.expires_at - now);
  const auto seconds = std::max<std::int64_t>(1, std::chrono::floor<Seconds>(life).count());
  const crypto::Claims claims{.sub = person.user_id,
                              .email = person.email,
                              .tenant_id = place.tenant_id,
                              .tenant_role = person.role,
                              .tenants = person.tenants,
                              .iat = to_unix_seconds(now),
                              .exp = to_unix_seconds(now) + seconds,
                              .jti = services.ids.next().to_string(),
                              .sid = place.session_id,
                              .typ = "access"};
  const auto refresh_token = to_base64url(crypto::random_bytes(refresh_token_bytes));
  store::add_refresh_token(tx, hash_of_token(refresh_token),
                           {.user_id = person.user_id,
                            .tenant_id = place.tenant_id,
                            .family = place.session_id,
                            .expires_at = std::min(now + store::session_idle_life, place.expires_at)},
                           now);
  return secret_answer({{"access_token", crypto::sign(*call.reference->keys, claims, "tenantry", "tenantry-api")},
                        {"token_type", "bearer"},
                        {"expires_in", seconds},
                        {"refresh_token", refresh_token},
                        {"tenant_id", place.tenant_id},
                        {"tenants", shown(store::memberships_of(tx, person.user_id))}});
}

http::Response start_session(Services& services, const Call& call, db::Transaction& tx, messaging::Outbox& outbox,
                             const store::Person& person, const std::string& tenant_id, const Proof& proof) {
  const auto now = services.clock.now();
  const Place place{services.ids.next().to_string(), tenant_id, now + session_life};
  tell_new_place(call, tx, outbox, person);
  const bool by_cookie = call.request().headers.count("X-Tenantry") > 0;  // who may ask for one was asked before
  const auto cookie = by_cookie ? to_base64url(crypto::random_bytes(cookie_bytes)) : std::string{};
  const auto cookie_hash = hash_of_token(cookie);
  store::add_session(tx,
                     {.session_id = place.session_id,
                      .user_id = person.user_id,
                      .tenant_id = tenant_id,
                      .user_agent = user_agent_of(call),
                      .address = call.origin,
                      .second_factor = proof.factor,
                      .authenticated_at = proof.at,
                      .expires_at = place.expires_at,
                      .cookie_hash = by_cookie ? ByteView{cookie_hash} : ByteView{}},
                     now);
  v1::UserLoggedIn event;
  event.set_user_id(person.user_id);
  event.set_email(person.email);
  outbox.publish(tenant_id, event);
  if (!by_cookie) return issue_tokens(services, call, tx, person, place);
  auto response =
      secret_answer({{"tenant_id", tenant_id}, {"tenants", shown(store::memberships_of(tx, person.user_id))}});
  response.headers.add("Set-Cookie", set_cookie(cookie, std::chrono::floor<Seconds>(session_life)));
  return response;
}

Result<http::Response> let_in(Services& services, const Call& call, db::Transaction& tx, messaging::Outbox& outbox,
                              const std::string& user_id, const std::string& tenant_id, const Proof& proof) {
  if (const auto wanted = wants_cookie(call.request()); !wanted) return wanted.error();
  auto target = tenant_id;
  const auto memberships = target.empty() ? store::memberships_of(tx, user_id) : std::vector<store::Membership>{};
  if (memberships.size() == 1) target = memberships.front().tenant_id;
  const auto person = store::read_person(tx, user_id, target);
  if (!person) return invalid_credentials();
  if (target.empty()) return offer_tenants(services, call, *person, memberships, proof);
  if (person->role.empty()) return invalid_credentials();  // removed since it was looked up
  return start_session(services, call, tx, outbox, *person, target, proof);
}

http::Response ask_for_factor(Services& services, const Call& call, const std::string& user_id,
                              const std::string& email, const std::string& tenant_id,
                              const std::vector<std::string>& factors) {
  const auto now = to_unix_seconds(services.clock.now());
  const crypto::Claims claims{.sub = user_id,
                              .email = email,
                              .tenant_id = tenant_id,
                              .iat = now,
                              .exp = now + login_step_life.count(),
                              .jti = services.ids.next().to_string(),
                              .typ = std::string(challenge_token_type)};
  return secret_answer({{"challenge_token", crypto::sign(*call.reference->keys, claims, "tenantry", "tenantry-api")},
                        {"expires_in", login_step_life.count()},
                        {"factors", factors}});
}

Timestamp given_at(const crypto::Claims& claims) {
  const auto id = Uuid::parse(claims.jti);
  return id ? id->time() : from_unix_seconds(claims.iat);
}

Error invalid_credentials() {
  return {.code = Errc::unauthenticated,
          .reason = "invalid_credentials",
          .message = "the e-mail address or the password is wrong"};
}

Error too_many_attempts() {
  return {.code = Errc::rate_limited,
          .reason = "too_many_attempts",
          .message = "too many failed logins; wait before the next one"};
}

http::Response wait_answer(const Call& call, Seconds wait) {
  auto response = access_problem(too_many_attempts(), call);
  response.headers.set("Retry-After", std::to_string(std::max<std::int64_t>(1, wait.count())));
  return response;
}

}  // namespace tenantry::gateway
