// A company becomes a PENDING tenant with its first user, in one transaction with the event that carries it on; and
// what its form asks before.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "shared/crypto/hash.h"
#include "shared/crypto/password.h"
#include "shared/db/connection.h"
#include "shared/tenancy/tenants.h"
#include "tenantry/events/v1/signup.pb.h"
#include "workers/gateway/api/signup/sign_up.h"
#include "workers/gateway/edge/fields.h"
#include "workers/gateway/edge/idempotency.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

constexpr const char* scope = "signup";

Error email_taken() {
  return {.code = Errc::conflict,
          .reason = "email_taken",
          .message = "an account with this e-mail address exists",
          .fields = {{"/admin_email", "taken", "an account with this e-mail address exists"}}};
}

// Of addresses that are registered: so many are told of a minute. After that whoever asks hears that there is no room,
// whatever the address; who may sign up often may also err as often.
constexpr std::int64_t refusals_min = 10;

// One try. Of the places that it holds in its address's counts it keeps the one that its end is counted in.
struct Signup {
  Services& services;
  const std::string origin;
  SignupRequest request;
  std::optional<std::string> key;
  const RateDecision refusal;  // the place that it takes if the address is registered
  std::string password_hash{};
  enum class End { none, accepted, refused };
  End end = End::none;

  Signup(Services& of, const Call& call, SignupRequest what, std::optional<std::string> under)
      : services(of),
        origin(call.origin),
        request(std::move(what)),
        key(std::move(under)),
        refusal(of.signup_refusals.take(origin, std::max(refusals_min, of.config.signups_per_hour), of.monotonic())) {}
  Signup(const Signup&) = delete;
  Signup& operator=(const Signup&) = delete;
  ~Signup() {
    services.loop.post([&of = services, from = origin, how = end, took = refusal.allowed] {
      if (how != End::accepted) of.signups.give_back(from);
      if (took && how != End::refused) of.signup_refusals.give_back(from);
    });
  }
};

Error too_many(std::string message) {
  return {.code = Errc::rate_limited, .reason = "rate_limited", .message = std::move(message)};
}

Error refused(Signup& signup) {
  signup.end = Signup::End::refused;
  return signup.refusal.allowed ? email_taken() : too_many("too many tries with registered addresses; wait a minute");
}

Error no_room() {
  return {.code = Errc::unavailable,
          .reason = "platform_full",
          .message = "there is no room for another tenant; try again later"};
}

Error key_reused() {
  return {.code = Errc::invalid,
          .reason = "idempotency_key_reused",
          .message = "this Idempotency-Key came with another body before"};
}

http::Response replayed(const store::StoredResponse& stored) {
  auto response = http::Response::json(stored.status, stored.body);
  response.headers.add("Idempotent-Replayed", "true");
  return response;
}

std::string created(const tenancy::Tenant& tenant) {
  return nlohmann::json{{"success", true},
                        {"tenant_id", tenant.tenant_id},
                        {"trial_ends_at", to_rfc3339(tenant.lifecycle.trial_ends_at)},
                        {"login_url", "/login?tenant=" + tenant.tenant_id},
                        {"status", tenancy::written(tenancy::Status::pending)}}
      .dump();
}

// Once a day: whoever knows an address must not fill its mailbox. Of somebody without a tenant nobody is left to tell.
void tell_owner(db::Transaction& tx, messaging::Outbox& outbox, const store::Person& known) {
  constexpr const char* once = "address_known";
  if (known.tenants.empty()) return;
  if (store::lock_idempotency_key(tx, once, known.user_id, outbox.now() - Days{1})) return;
  store::save_idempotency_key(tx, once, known.user_id, {Bytes{0}, 202, ""}, outbox.now());
  events::v1::SignupAddressKnown event;
  event.set_user_id(known.user_id);
  event.set_email(known.email);
  outbox.publish(known.tenants.front(), event);
}

// What was asked for, by the master key of now and by those of before. Keyed: a body may hold a password, and a fast
// hash of it must be of no use to who reads the table.
std::vector<Bytes> hashes_of(const Services& services, const Call& call) {
  std::vector<Bytes> hashes;
  for (const auto& key : services.idempotency_keys.all()) {
    const auto digest = crypto::hmac_sha256(key.bytes(), as_bytes(call.request().body));
    hashes.emplace_back(digest.begin(), digest.end());
  }
  return hashes;
}

bool is_another(const std::optional<store::StoredResponse>& stored, const std::vector<Bytes>& hashes) {
  return stored && std::ranges::find(hashes, stored->request_hash) == hashes.end();
}

// Of one try. A twin that took the address meanwhile makes it throw.
Result<http::Response> store_signup(Services& services, db::Connection& connection, const Call& call, Signup& signup) {
  const auto hashes = hashes_of(services, call);
  http::Response response;
  bool again = false;
  const auto done = services.commit(
      connection, call, call.stranger(), [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
        again = false;
        if (signup.key) {
          const auto stored =
              store::lock_idempotency_key(tx, scope, *signup.key, outbox.now() - store::idempotency_kept);
          if (is_another(stored, hashes)) return key_reused();
          if (stored) {
            again = true;
            response = replayed(*stored);
            return {};
          }
        }
        // Asked first, so that it tells nobody which addresses are known.
        if (!store::has_room(tx, services.config.tenants_max)) return no_room();
        const bool hides = services.config.signup_private;
        const auto known = store::find_person(tx, signup.request.admin_email, "");
        const bool taken = known.has_value();
        if (taken && !hides) return refused(signup);
        std::string body = R"({"success":true})";
        if (taken) {
          tell_owner(tx, outbox, *known);
        } else {
          const auto tenant = sign_up(tx, outbox, services.ids,
                                      {.request = signup.request,
                                       .locale = std::string(to_string(call.language)),
                                       .password_hash = signup.password_hash,
                                       .terms_version = services.config.terms_version,
                                       .trial = services.config.trial});
          if (!tenant) return tenant.error();
          if (!hides) body = created(*tenant);
        }
        const int status = hides ? 202 : 201;
        if (signup.key) {
          store::save_idempotency_key(tx, scope, *signup.key, {hashes.front(), status, body}, outbox.now());
        }
        response = http::Response::json(status, body);
        return {};
      });
  if (!done) return done.error();
  if (!again) signup.end = Signup::End::accepted;
  return response;
}

void finish(Services& services, const CallPtr& call, const std::shared_ptr<Signup>& signup) {
  services.on_lane(call, [&services, call, signup](db::Connection& connection) -> Result<http::Response> {
    try {
      return store_signup(services, connection, *call, *signup);
    } catch (const db::StatementError& error) {
      if (!error.is_unique_violation() || error.constraint != "users_email_key") throw;
    }
    if (!services.config.signup_private) return refused(*signup);
    signup->end = Signup::End::accepted;
    return http::Response::json(202, R"({"success":true})");
  });
}

void take_signup(Services& services, const CallPtr& call) {
  auto key = idempotency_key(call->request());
  if (!key) return services.refuse(call, key.error());
  auto request = parse_signup(call->request().body, call->reference->plans, SignupForm::person);
  if (!request) return services.refuse(call, request.error());
  const auto place = services.signups.take(call->origin, services.config.signups_per_hour, services.monotonic());
  if (!place.allowed) {
    return services.refuse(call, too_many("too many signups from this address; wait before the next one"),
                           place.resets_in);
  }
  auto signup = std::make_shared<Signup>(services, *call, std::move(*request), std::move(*key));
  const auto answer = services.passwords.submit(call->holder(), [&services, call, signup] {
    auto hash = crypto::hash_password(signup->request.admin_password);
    if (!hash) return services.refuse(call, hash.error());
    signup->password_hash = std::move(*hash);
    finish(services, call, signup);
  });
  if (answer != BoundedPool::Answer::taken) services.refuse_busy(call, answer);
}

constexpr const char* admin_scope = "admin_tenants";

// By a super-admin: somebody else is to own the tenant, and is invited.
void create_tenant(Services& services, const CallPtr& call) {
  const auto key = idempotency_key(call->request());
  if (!key) return services.refuse(call, key.error());
  change(services, call, parse_signup(call->request().body, call->reference->plans, SignupForm::admin),
         [&services, call, key = *key, hashes = hashes_of(services, *call)](
             const SignupRequest& request, db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
           if (key) {
             const auto stored =
                 store::lock_idempotency_key(tx, admin_scope, *key, outbox.now() - store::idempotency_kept);
             if (is_another(stored, hashes)) return key_reused();
             if (stored) return replayed(*stored);
           }
           if (!request.region.empty() && !store::has_region(tx, request.region)) {
             return Error::invalid("/region", "unknown_region", "no cell is in this region");
           }
           if (store::email_taken(tx, request.admin_email)) return email_taken();
           const auto signup_id = services.ids.next();
           outbox.publish("platform", signup_requested(signup_id, request, std::string(to_string(call->language))));
           auto response = json_response(202, {{"success", true}, {"signup_id", signup_id.to_string()}});
           if (key)
             store::save_idempotency_key(tx, admin_scope, *key, {hashes.front(), 202, response.body}, outbox.now());
           return response;
         });
}

constexpr int checks_per_minute = 10;  // per address (security.md D1)

bool check_allowed(Services& services, const CallPtr& call) {
  const auto decision = services.checks.take(call->origin, checks_per_minute, services.monotonic());
  if (decision.allowed) return true;
  services.refuse(call,
                  Error{.code = Errc::rate_limited, .reason = "rate_limited", .message = "at most 10 checks a minute"},
                  decision.resets_in);
  return false;
}

void plans(Services& services, const CallPtr& call) {
  services.answer(call, http::Response::json(200, call->reference->plans_json));
}

void check_email(Services& services, const CallPtr& call) {
  if (!check_allowed(services, call)) return;
  const auto email = folded_email(call->request().query_value("email").value_or(""));
  if (!email) return services.refuse(call, Error::invalid("/email", "email", "must be an e-mail address"));
  if (services.config.signup_private) return services.answer(call, json_response(200, {{"available", true}}));
  read(services, call, [email = *email](db::Transaction& tx) {
    return json_response(200, {{"available", !store::email_taken(tx, email)}});
  });
}

void check_company(Services& services, const CallPtr& call) {
  if (!check_allowed(services, call)) return;
  const std::string name{call->request().query_value("name").value_or("")};
  if (name.empty() || name.size() > 800) {
    return services.refuse(call, Error::invalid("/name", "length", "must have 1 to 200 characters"));
  }
  // A name is never taken for good: the next one gets a suffix.
  read(services, call, [&services, name](db::Transaction& tx) {
    return json_response(200, {{"available", true}, {"tenant_id", tenancy::preview_slug(tx, name, services.ids)}});
  });
}

}  // namespace

namespace api {
Routes signup() {
  static constexpr Route routes[] = {
      {Method::post, "/signup", "signup", Guard::open, take_signup},
      {Method::get, "/signup/check-email", "checkEmail", Guard::open, check_email},
      {Method::get, "/signup/check-company", "checkCompany", Guard::open, check_company},
      {Method::get, "/signup/plans", "plans", Guard::open, plans, {.same_for_all = true}},
      {Method::post, "/v1/admin/tenants", "adminCreateTenant", Guard::admin, create_tenant, {.super_admin = true}},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
