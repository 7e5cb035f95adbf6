// Passwords: changed by who knows the present one, chosen anew by who reads the address's mail. Neither answer nor time
// tells who has an account: the work follows after the answer.
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/crypto/password.h"
#include "shared/db/connection.h"
#include "tenantry/events/v1/identity.pb.h"
#include "tenantry/events/v1/people.pb.h"
#include "workers/gateway/api/auth/admins.h"
#include "workers/gateway/api/auth/ended.h"
#include "workers/gateway/api/auth/own_session.h"
#include "workers/gateway/api/auth/password_try.h"
#include "workers/gateway/api/auth/requests.h"
#include "workers/gateway/api/auth/second_factor.h"
#include "workers/gateway/api/auth/store.h"
#include "workers/gateway/edge/contained.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;

constexpr int forgotten_a_minute = 10;  // of an address
constexpr int resets_a_day = 5;         // to a person: nobody's mailbox is filled by way of us

Error too_many(int a_minute) {
  return {.code = Errc::rate_limited,
          .reason = "rate_limited",
          .message = "at most " + std::to_string(a_minute) + " a minute"};
}

// None of the person's names, nor of the address.
Result<void> check_unlike(const store::Account& account, std::string_view password) {
  const std::string context[] = {account.first_name,
                                 account.last_name,
                                 account.first_name + account.last_name,
                                 account.first_name + " " + account.last_name,
                                 account.email,
                                 account.email.substr(0, account.email.find('@'))};
  return crypto::check_password_strength(password, context, "/password");
}

void tell_changed(messaging::Outbox& outbox, const store::Account& account, bool by_reset) {
  v1::PasswordChanged event;
  event.set_user_id(account.user_id);
  event.set_email(account.email);
  event.set_locale(account.locale);
  event.set_by_reset(by_reset);
  outbox.publish(events::platform_tenant, event);
}

// ---- forgotten

Result<void> send_link(Services& services, db::Connection& connection, const Call& call, const std::string& email) {
  return services.commit(connection, call, call.stranger(),
                         [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                           const auto account = store::find_account(tx, email);
                           if (!account) return {};
                           const auto id = services.ids.next();
                           const auto token = services.link_tokens.make(crypto::LinkPurpose::password_reset, id, 1);
                           const auto now = outbox.now();
                           if (!store::put_reset(tx, account->user_id, crypto::link_token_hash(token), now,
                                                 now + reset_life, resets_a_day)) {
                             return {};
                           }
                           v1::PasswordResetRequested event;
                           event.set_user_id(account->user_id);
                           event.set_email(account->email);
                           event.set_reset_id(id.to_string());
                           event.set_locale(account->locale);
                           outbox.publish(events::platform_tenant, event);
                           return {};
                         });
}

void forget_password(Services& services, const CallPtr& call) {
  const auto email = parse_forgotten(call->request().body);
  if (!email) return services.refuse(call, email.error());
  const auto place = services.forgotten.take(call->origin, forgotten_a_minute, services.monotonic());
  if (!place.allowed) return services.refuse(call, too_many(forgotten_a_minute), place.resets_in);
  services.answer(call, json_response(202, {{"sent", "if the address has an account"}}));
  services.in_background(services.lanes, call->origin, "forget_password",
                         [&services, call, email = *email](db::Connection& connection) {
                           return send_link(services, connection, *call, email);
                         });
}

// Whose the address is has just been shown, and who had the account until then may have been somebody else: nothing
// that they added opens it.
void take_over(db::Transaction& tx, messaging::Outbox& outbox, const store::Account& account) {
  store::set_email(tx, account.user_id, account.email, outbox.now());
  store::drop_mailed_links(tx, account.user_id);
  v1::EmailVerified verified;
  verified.set_user_id(account.user_id);
  verified.set_email(account.email);
  outbox.publish(events::platform_tenant, verified);
  if (!store::forget_factors(tx, account.user_id)) return;
  auto removed = about_person<v1::FactorRemoved>(account);
  removed.set_factor("all");
  removed.set_by_reset(true);
  outbox.publish(events::platform_tenant, removed);
}

// The link is used up with the password, not before: one that is refused can be followed by another.
Result<http::Response> reset(Services& services, db::Connection& connection, const Call& call,
                             const ResetRequest& request, const std::string& hash) {
  Ended ended;
  const auto done = services.commit(
      connection, call, call.stranger(), [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
        const auto now = outbox.now();
        const auto account = store::take_reset(tx, crypto::link_token_hash(request.token), now);
        if (!account) {
          return Error{.code = Errc::not_found,
                       .reason = "link_not_found",
                       .message = "the link is unknown, used up or too old: ask for another"};
        }
        if (auto ok = check_unlike(*account, request.password); !ok) return ok.error();
        store::replace_password(tx, account->user_id, account->password_hash, hash, now);
        outbox.set_cause(nullptr, call.actor("user", account->user_id));
        ended = store::end_sessions(tx, {.user_id = account->user_id}, now);
        store::end_admin_sessions(tx, account->user_id, "", "", now);
        tell_ended(outbox, account->user_id, ended);
        tell_changed(outbox, *account, true);
        if (!account->email_verified) take_over(tx, outbox, *account);
        return {};
      });
  if (!done) return done.error();
  services.loop.post([&services, ended, from = call.origin] {
    services.password_tries.give_back(from);
    forget_sessions(services, ended);
  });
  return http::Response{.status = 204};
}

void reset_password(Services& services, const CallPtr& call) {
  const auto request = parse_reset(call->request().body);
  if (!request) return services.refuse(call, request.error());
  const auto place = services.password_tries.take(call->origin, unknown_links_a_minute, services.monotonic());
  if (!place.allowed) return services.refuse(call, too_many(unknown_links_a_minute), place.resets_in);
  const auto task = [&services, call, request = *request] {
    const auto hash = crypto::hash_password(request.password);
    if (!hash) return services.refuse(call, hash.error());
    services.on_lane(call, [&services, call, request, hash = *hash](db::Connection& connection) {
      return reset(services, connection, *call, request, hash);
    });
  };
  const auto answer = services.passwords.submit(call->holder(), task);
  if (answer != BoundedPool::Answer::taken) services.refuse_busy(call, answer);
}

// ---- changed

struct Change {
  Services& services;
  const CallPtr call;
  const PasswordChangeRequest request;
  PasswordTry tried;

  Change(Services& of, CallPtr by, PasswordChangeRequest what)
      : services(of), call(std::move(by)), request(std::move(what)), tried(of, call->session->email, call->origin) {}
};

Result<http::Response> store_changed(const Change& change, db::Connection& connection, const store::Account& account,
                                     const std::string& hash) {
  auto& services = change.services;
  const auto& claims = *change.call->claims;
  Ended ended;
  const auto done = services.commit(
      connection, *change.call, change.call->user(),
      [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
        const auto now = outbox.now();
        if (!store::replace_password(tx, account.user_id, account.password_hash, hash, now)) {
          return Error{.code = Errc::conflict, .reason = "password_changed", .message = "it was changed just now"};
        }
        ended = store::end_sessions(tx, {.user_id = account.user_id, .but = claims.sid}, now);
        store::end_admin_sessions(tx, account.user_id, "", "", now);
        tell_ended(outbox, account.user_id, ended);
        tell_changed(outbox, account, false);
        return {};
      });
  if (!done) return done.error();
  services.loop.post([&services, ended] { forget_sessions(services, ended); });
  return http::Response{.status = 204};
}

void verify_and_hash(const std::shared_ptr<Change>& change, const store::Account& account) {
  auto& services = change->services;
  const bool right = crypto::verify_password(account.password_hash, change->request.current_password);
  change->tried.outcome = right ? LoginLimiter::Outcome::right : LoginLimiter::Outcome::wrong;
  if (!right) {
    return services.refuse(
        change->call,
        Error{.code = Errc::forbidden, .reason = "password_wrong", .message = "the present password is another"});
  }
  const auto hash = crypto::hash_password(change->request.password);
  if (!hash) return services.refuse(change->call, hash.error());
  services.on_lane(change->call, [change, account, hash = *hash](db::Connection& connection) {
    return store_changed(*change, connection, account, hash);
  });
}

void change_password(Services& services, const CallPtr& call) {
  auto request = parse_password_change(call->request().body);
  if (!request) return services.refuse(call, request.error());
  if (const auto wait = services.logins.admit(call->session->email, call->origin, services.monotonic())) {
    return services.refuse(call,
                           Error{.code = Errc::rate_limited,
                                 .reason = "too_many_attempts",
                                 .message = "too many wrong passwords; wait before the next one"},
                           *wait);
  }
  const auto change = std::make_shared<Change>(services, call, *std::move(request));
  const auto task = [&services, change](db::Connection& connection) {
    std::optional<store::Account> account;
    const auto found = contained(change->call->route->operation, [&] {
      return services.read(connection, [&](db::Transaction& tx) -> Result<void> {
        account = store::read_account(tx, change->call->claims->sub);
        if (!account) return nothing_here();
        return check_unlike(*account, change->request.password);
      });
    });
    if (!found) return services.refuse(change->call, found.error());
    const auto answer = services.passwords.submit(change->call->holder(),
                                                  [change, account = *account] { verify_and_hash(change, account); });
    if (answer != BoundedPool::Answer::taken) services.refuse_busy(change->call, answer);
  };
  const auto answer = services.lanes.submit(call->holder(), task);
  if (answer != BoundedPool::Answer::taken) services.refuse_busy(call, answer);
}

}  // namespace

namespace api {
Routes passwords() {
  static constexpr Route routes[] = {
      {Method::post, "/auth/password/forgot", "forgetPassword", Guard::open, forget_password},
      {Method::post, "/auth/password/reset", "resetPassword", Guard::open, reset_password},
      {Method::post, "/v1/me/password", "changePassword", Guard::billing, change_password},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
