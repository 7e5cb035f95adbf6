// Second factors: set up, shown, removed. Every wrong code counts as one, whatever it was shown for; a code is used up
// in the transaction of what it opens.
#include "workers/gateway/api/auth/factors.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/crypto/password.h"
#include "shared/crypto/totp.h"
#include "shared/db/connection.h"
#include "shared/text/text.h"
#include "tenantry/events/v1/activity.pb.h"
#include "tenantry/events/v1/identity.pb.h"
#include "tenantry/events/v1/platform.pb.h"
#include "workers/gateway/api/auth/admins.h"
#include "workers/gateway/api/auth/own_session.h"
#include "workers/gateway/api/auth/passkeys.h"
#include "workers/gateway/api/auth/password_try.h"
#include "workers/gateway/api/auth/second_factor.h"
#include "workers/gateway/api/auth/tokens.h"
#include "workers/gateway/edge/contained.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

Error factor_wrong(const Call& call) {
  // Of who is logged in a wrong code says nothing against the session.
  return {.code = call.of_tenant() || call.admin_session ? Errc::forbidden : Errc::unauthenticated,
          .reason = "second_factor_wrong",
          .message = "the code is wrong, or was used before"};
}

void tell_failed(messaging::Outbox& outbox, const Claimant& who) {
  v1::UserLoginFailed event;
  event.set_email(who.email);
  event.set_reason("second_factor_wrong");
  outbox.publish(who.tenant_id.empty() ? std::string(events::platform_tenant) : who.tenant_id, event);
}

// One look at a code. `counted`: the try was taken before.
struct Attempt {
  Claimant who;
  std::string factor;
  bool counted = false;
  std::function<bool(db::Transaction&, messaging::Outbox&)> accept;
  Proven then;
  std::function<void()> after{};
};

Result<http::Response> look(Services& services, db::Connection& connection, const Call& call, const Attempt& attempt) {
  std::optional<Seconds> wait;
  bool right = false;
  http::Response response;
  const auto& who = attempt.who;
  const auto actor = call.of_tenant() || call.admin_session ? call.caller() : call.stranger();
  const auto done =
      services.commit(connection, call, actor, [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
        wait = attempt.counted ? std::nullopt : store::take_try(tx, who.user_id, outbox.now());
        if (wait) return {};
        right = attempt.accept(tx, outbox);
        if (!right) {
          tell_failed(outbox, who);
          return {};
        }
        store::forget_tries(tx, who.user_id);
        store::drop_resets(tx, who.user_id);
        outbox.set_cause(nullptr, call.actor("user", who.user_id));
        auto made = attempt.then(tx, outbox, attempt.factor);
        if (!made) return made.error();
        response = *std::move(made);
        return {};
      });
  if (!done) return done.error();
  if (wait) return wait_answer(call, *wait);
  if (!right) return factor_wrong(call);
  if (attempt.after) services.loop.post(attempt.after);
  return response;
}

bool use_recovery_code(db::Transaction& tx, messaging::Outbox& outbox, const std::string& user_id,
                       const std::string& hash) {
  const auto left = hash.empty() ? std::nullopt : store::use_recovery_code(tx, user_id, hash, outbox.now());
  const auto account = left ? store::read_account(tx, user_id) : std::nullopt;
  if (!account) return false;
  auto event = about_person<v1::RecoveryCodeUsed>(*account);
  event.set_left(*left);
  outbox.publish(events::platform_tenant, event);
  return true;
}

// Which of the hashes is the code's, "" for none; slow by purpose.
std::string hash_of_code(const std::vector<std::string>& hashes, const std::string& code) {
  const auto at = std::ranges::find_if(hashes, [&](const auto& hash) { return crypto::verify_password(hash, code); });
  return at == hashes.end() ? std::string{} : *at;
}

// The try is taken, then the code compared on the password pool, then used up.
void prove_by_recovery_code(Services& services, const CallPtr& call, const Attempt& attempt, const std::string& code) {
  const auto task = [&services, call, attempt, code](db::Connection& connection) {
    std::optional<Seconds> wait;
    std::vector<std::string> hashes;
    const auto done = contained(call->route->operation, [&] {
      return services.commit(connection, *call, call->stranger(),
                             [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                               wait = store::take_try(tx, attempt.who.user_id, outbox.now());
                               hashes = store::unused_recovery_codes(tx, attempt.who.user_id);
                               return {};
                             });
    });
    if (!done) return services.refuse(call, done.error());
    if (wait) return services.answer(call, wait_answer(*call, *wait));
    const auto answer = services.passwords.submit(call->holder(), [&services, call, attempt, code, hashes] {
      auto last = attempt;
      last.counted = true;
      last.accept = [user_id = attempt.who.user_id, hash = hash_of_code(hashes, code)](db::Transaction& tx,
                                                                                       messaging::Outbox& outbox) {
        return use_recovery_code(tx, outbox, user_id, hash);
      };
      services.on_lane(call,
                       [&services, call, last](db::Connection& lane) { return look(services, lane, *call, last); });
    });
    if (answer != BoundedPool::Answer::taken) services.refuse_busy(call, answer);
  };
  const auto answer = services.lanes.submit(call->holder(), task);
  if (answer != BoundedPool::Answer::taken) services.refuse_busy(call, answer);
}

// ---- the second step of a login

void show_factor(Services& services, const CallPtr& call) {
  const auto shown = parse_factor(call->request().body);
  if (!shown) return services.refuse(call, shown.error());
  const auto claims = claims_of_login(services, *call, challenge_token_type);
  if (!claims) return services.refuse(call, claims.error());
  prove(services, call, {claims->sub, claims->email, claims->tenant_id}, *shown,
        [&services, call, claims = *claims](db::Transaction& tx, messaging::Outbox& outbox,
                                            const std::string& factor) -> Result<http::Response> {
          if (store::password_changed_after(tx, claims.sub, given_at(claims))) {
            return invalid_credentials();
          }
          return let_in(services, *call, tx, outbox, claims.sub, claims.tenant_id, {outbox.now(), factor});
        });
}

// ---- the session of who is logged in: a member's in a tenant, or a super-admin's

std::string email_of(const Call& call) {
  return call.admin_session ? call.admin_session->email : call.session->email;
}

// Whose log a wrong code is in.
Claimant claimant_of(const Call& call) {
  return {call.person_id(), email_of(call), call.admin_session ? std::string{} : call.tenant_id()};
}

std::function<void()> forget_own(Services& services, const CallPtr& call) {
  if (call->admin_session) return {};
  return [&services, sid = call->claims->sid] { services.session_changed(sid); };
}

// ---- shown again, before what is dangerous

Result<http::Response> strengthen(const Call& call, db::Transaction& tx, messaging::Outbox& outbox,
                                  const std::string& factor) {
  strengthen_own_session(call, tx, outbox, factor);
  return json_response(200, {{"authenticated_at", to_rfc3339(outbox.now())}});
}

Result<http::Response> strengthen_by_password(Services& services, db::Connection& connection, const Call& call) {
  http::Response response;
  const auto done = services.commit(connection, call, call.caller(),
                                    [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                                      if (store::factors_of(tx, call.person_id()).any()) {
                                        return Error{.code = Errc::forbidden,
                                                     .reason = "second_factor_needed",
                                                     .message = "the second factor is needed beside the password"};
                                      }
                                      auto made = strengthen(call, tx, outbox, "");
                                      if (!made) return made.error();
                                      response = *std::move(made);
                                      return {};
                                    });
  if (!done) return done.error();
  return response;
}

void step_up(Services& services, const CallPtr& call) {
  const auto request = parse_step_up(call->request().body);
  if (!request) return services.refuse(call, request.error());
  const auto email = email_of(*call);
  if (const auto wait = services.logins.admit(email, call->origin, services.monotonic())) {
    return services.refuse(call, too_many_attempts(), *wait);
  }
  const auto tried = std::make_shared<PasswordTry>(services, email, call->origin);
  const auto forget_session = forget_own(services, call);
  const auto verify = [&services, call, request = *request, tried, forget_session](const store::Account& account) {
    const bool right = crypto::verify_password(account.password_hash, request.password);
    tried->outcome = right ? LoginLimiter::Outcome::right : LoginLimiter::Outcome::wrong;
    if (!right) {
      return services.refuse(
          call, Error{.code = Errc::forbidden, .reason = "password_wrong", .message = "the password is another"});
    }
    if (request.factor.given()) {
      return prove(
          services, call, claimant_of(*call), request.factor,
          [call](db::Transaction& tx, messaging::Outbox& outbox, const std::string& factor) {
            return strengthen(*call, tx, outbox, factor);
          },
          forget_session);
    }
    services.on_lane(call, [&services, call, forget_session](db::Connection& connection) {
      auto answer = strengthen_by_password(services, connection, *call);
      if (answer && forget_session) services.loop.post(forget_session);
      return answer;
    });
  };
  const auto task = [&services, call, verify](db::Connection& connection) {
    std::optional<store::Account> account;
    const auto found = contained(call->route->operation, [&] {
      return services.read(connection, [&](db::Transaction& tx) -> Result<void> {
        account = store::read_account(tx, call->person_id());
        return account ? Result<void>{} : nothing_here();
      });
    });
    if (!found) return services.refuse(call, found.error());
    const auto answer = services.passwords.submit(call->holder(), [verify, account = *account] { verify(account); });
    if (answer != BoundedPool::Answer::taken) services.refuse_busy(call, answer);
  };
  const auto answer = services.lanes.submit(call->holder(), task);
  if (answer != BoundedPool::Answer::taken) services.refuse_busy(call, answer);
}

// ---- set up and removed

Error no_factor() {
  return {.code = Errc::conflict, .reason = "no_factor", .message = "there is no second factor"};
}

void list_factors(Services& services, const CallPtr& call) {
  read(services, call, [call](db::Transaction& tx) -> Result<http::Response> {
    const auto factors = store::factors_of(tx, call->person_id());
    auto passkeys = json::array();
    for (const auto& passkey : store::passkeys_of(tx, call->person_id())) {
      passkeys.push_back({{"id", passkey.passkey_id},
                          {"name", passkey.name},
                          {"created_at", to_rfc3339(passkey.created_at)},
                          {"used_at", instant(passkey.used_at)}});
    }
    return json_response(200, {{"totp", instant(factors.totp_since)},
                               {"passkeys", std::move(passkeys)},
                               {"recovery_codes_left", factors.any() ? factors.recovery_codes_left : 0}});
  });
}

void begin_totp(Services& services, const CallPtr& call) {
  if (auto ok = recently_authenticated(services, *call); !ok) return services.refuse(call, ok.error());
  change(services, call, [&services, call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto account = store::read_account(tx, call->person_id());
    if (!account) return nothing_here();
    const auto seed = crypto::make_totp_seed();
    if (!store::begin_totp(tx, services.factor_keys, account->user_id, seed, outbox.now())) {
      return Error{.code = Errc::conflict, .reason = "factor_exists", .message = "there is one: remove it first"};
    }
    auto response = secret_answer({{"secret", crypto::totp_secret(seed)},
                                   {"uri", crypto::totp_uri(seed, text::shown_email(account->email), "Tenantry")}});
    response.status = 201;
    return response;
  });
}

void confirm_totp(Services& services, const CallPtr& call) {
  const auto code = parse_code(call->request().body);
  if (!code) return services.refuse(call, code.error());
  if (auto ok = recently_authenticated(services, *call); !ok) return services.refuse(call, ok.error());
  with_recovery_codes(
      services, call, [&services, call, code = *code](db::Connection& connection, const RecoveryCodes& codes) {
        const auto& user_id = call->person_id();
        const auto forget_all = std::make_shared<std::function<void()>>();
        const auto accept = [&services, user_id, code](db::Transaction& tx, messaging::Outbox& outbox) {
          return store::confirm_totp(tx, services.factor_keys, user_id, code, outbox.now());
        };
        const auto then = [&](db::Transaction& tx, messaging::Outbox& outbox,
                              const std::string& factor) -> Result<http::Response> {
          const auto account = store::read_account(tx, user_id);
          if (!account) return nothing_here();
          const bool first = store::passkeys_of(tx, user_id).empty();
          if (first) keep_codes(tx, outbox, *account, codes);
          strengthen_own_session(*call, tx, outbox, factor);
          *forget_all = end_other_sessions(tx, outbox, services, *call);
          auto event = about_person<v1::FactorAdded>(*account);
          event.set_factor(factor);
          outbox.publish(events::platform_tenant, event);
          return secret_answer({{"recovery_codes", first ? json(codes.shown) : json(nullptr)}});
        };
        return look(
            services, connection, *call,
            {.who = claimant_of(*call), .factor = "totp", .accept = accept, .then = then, .after = [forget_all] {
               (*forget_all)();
             }});
      });
}

void remove_totp(Services& services, const CallPtr& call) {
  if (auto ok = recently_authenticated(services, *call); !ok) return services.refuse(call, ok.error());
  const auto forget_all = std::make_shared<std::function<void()>>();
  change(
      services, call,
      [&services, call, forget_all](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto account = store::read_account(tx, call->person_id());
        if (!account || !store::remove_totp(tx, account->user_id)) return no_factor();
        if (!store::drop_codes_without_factor(tx, account->user_id)) weaken_own_session(*call, tx, outbox);
        *forget_all = end_other_sessions(tx, outbox, services, *call);
        auto event = about_person<v1::FactorRemoved>(*account);
        event.set_factor("totp");
        outbox.publish(events::platform_tenant, event);
        return http::Response{.status = 204};
      },
      [forget_all] { (*forget_all)(); });
}

void renew_recovery_codes(Services& services, const CallPtr& call) {
  if (auto ok = recently_authenticated(services, *call); !ok) return services.refuse(call, ok.error());
  with_recovery_codes(
      services, call,
      [&services, call](db::Connection& connection, const RecoveryCodes& codes) -> Result<http::Response> {
        const auto done = services.commit(connection, *call, call->caller(),
                                          [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                                            const auto account = store::read_account(tx, call->person_id());
                                            if (!account || !store::factors_of(tx, account->user_id).any())
                                              return no_factor();
                                            keep_codes(tx, outbox, *account, codes);
                                            return {};
                                          });
        if (!done) return done.error();
        return secret_answer({{"recovery_codes", codes.shown}});
      });
}

}  // namespace

void prove(Services& services, const CallPtr& call, const Claimant& who, const ShownFactor& shown, const Proven& then,
           const std::function<void()>& after) {
  if (!shown.recovery_code.empty()) {
    return prove_by_recovery_code(services, call,
                                  {.who = who, .factor = "recovery_code", .accept = {}, .then = then, .after = after},
                                  shown.recovery_code);
  }
  const auto accept = [&services, who, shown](db::Transaction& tx, messaging::Outbox& outbox) {
    if (!shown.passkey) return store::use_totp(tx, services.factor_keys, who.user_id, shown.code, outbox.now());
    const auto site = passkey_site(services.config.public_url);
    return store::use_passkey(tx, site, who.user_id, *shown.passkey, outbox.now());
  };
  const Attempt attempt{
      .who = who, .factor = shown.passkey ? "passkey" : "totp", .accept = accept, .then = then, .after = after};
  services.on_lane(call,
                   [&services, call, attempt](db::Connection& lane) { return look(services, lane, *call, attempt); });
}

Ended reset_factors_where_due(db::Transaction& tx, messaging::Outbox& outbox, const std::string& user_id,
                              Timestamp now) {
  const auto account = store::read_account(tx, user_id);
  if (!account || !store::reset_where_due(tx, user_id, now)) return {};
  auto ended = store::end_sessions(tx, {.user_id = user_id}, now);
  store::end_admin_sessions(tx, user_id, "", "", now);
  tell_ended(outbox, user_id, ended);
  auto event = about_person<v1::FactorRemoved>(*account);
  event.set_factor("all");
  event.set_by_reset(true);
  outbox.publish(events::platform_tenant, event);
  return ended;
}

namespace api {
Routes factors() {
  static constexpr Terms own{.before_factor = true, .person = true};
  static constexpr Route routes[] = {
      {Method::post, "/auth/login/factor", "showFactor", Guard::open, show_factor},
      {Method::post, "/v1/me/step-up", "stepUp", Guard::billing, step_up, own},
      {Method::get, "/v1/me/factors", "listFactors", Guard::billing, list_factors, own},
      {Method::post, "/v1/me/factors/totp", "beginTotp", Guard::billing, begin_totp, own},
      {Method::post, "/v1/me/factors/totp/confirm", "confirmTotp", Guard::billing, confirm_totp, own},
      {Method::delete_, "/v1/me/factors/totp", "removeTotp", Guard::billing, remove_totp, own},
      {Method::post, "/v1/me/recovery-codes", "renewRecoveryCodes", Guard::billing, renew_recovery_codes, own},
      {Method::post, "/v1/admin/me/step-up", "adminStepUp", Guard::admin, step_up, own},
      {Method::get, "/v1/admin/me/factors", "adminListFactors", Guard::admin, list_factors, own},
      {Method::post, "/v1/admin/me/factors/totp", "adminBeginTotp", Guard::admin, begin_totp, own},
      {Method::post, "/v1/admin/me/factors/totp/confirm", "adminConfirmTotp", Guard::admin, confirm_totp, own},
      {Method::delete_, "/v1/admin/me/factors/totp", "adminRemoveTotp", Guard::admin, remove_totp, own},
      {Method::post, "/v1/admin/me/recovery-codes", "adminRenewRecoveryCodes", Guard::admin, renew_recovery_codes, own},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
