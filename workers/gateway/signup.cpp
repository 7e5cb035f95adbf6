// POST /signup: a company becomes a PENDING tenant with its first user, in one
// transaction with the event that carries it on.
#include <nlohmann/json.hpp>

#include "shared/crypto/hash.h"
#include "shared/crypto/password.h"
#include "shared/db/connection.h"
#include "shared/http/problem.h"
#include "shared/telemetry/log.h"
#include "shared/tenancy/tenants.h"
#include "workers/gateway/commands.h"
#include "workers/gateway/routes.h"

namespace tenantry::gateway {
namespace {

constexpr const char* scope = "signup";
constexpr Days idempotency_kept{1};

Error email_taken() {
  return {.code = Errc::conflict,
          .reason = "email_taken",
          .message = "an account with this e-mail address exists",
          .fields = {{"/admin_email", "taken", "an account with this e-mail address exists"}}};
}

struct Signup {
  SignupRequest request;
  std::optional<std::string> key;
  std::string password_hash;
};

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
                        {"status", "pending"}}
      .dump();
}

// Of one try. A twin that took the address meanwhile makes it throw.
Result<http::Response> store_signup(Services& services, db::Connection& connection, const Call& call,
                                    const Signup& signup) {
  const auto digest = crypto::sha256(as_bytes(call.request().body));
  const Bytes hash(digest.begin(), digest.end());
  http::Response response;
  const auto done = services.commit(
      connection, call, call.stranger(), [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
        if (signup.key) {
          const auto stored = store::lock_idempotency_key(tx, scope, *signup.key, outbox.now() - idempotency_kept);
          if (stored && stored->request_hash != hash) {
            return Error{.code = Errc::invalid,
                         .reason = "idempotency_key_reused",
                         .message = "this Idempotency-Key came with another body before"};
          }
          if (stored) {
            response = replayed(*stored);
            return {};
          }
        }
        const bool hides = services.config.signup_private;
        const bool taken = store::email_taken(tx, signup.request.admin_email);
        if (taken && !hides) return email_taken();
        std::string body = R"({"success":true})";
        if (!taken) {
          const auto tenant = sign_up(tx, outbox, services.ids,
                                      {.request = signup.request,
                                       .locale = std::string(to_string(call.language)),
                                       .password_hash = signup.password_hash,
                                       .trial = services.config.trial});
          if (!tenant) return tenant.error();
          if (!hides) body = created(*tenant);
        }
        const int status = hides ? 202 : 201;
        if (signup.key) {
          store::save_idempotency_key(tx, scope, *signup.key, {hash, status, body}, outbox.now());
        }
        response = http::Response::json(status, body);
        return {};
      });
  if (!done) return done.error();
  return response;
}

void finish(Services& services, const CallPtr& call, const std::shared_ptr<Signup>& signup) {
  services.on_lane(call, [&services, call, signup](db::Connection& connection) -> Result<http::Response> {
    try {
      return store_signup(services, connection, *call, *signup);
    } catch (const db::StatementError& error) {
      if (!error.is_unique_violation() || error.constraint != "users_email_key") throw;
    }
    if (services.config.signup_private) return http::Response::json(202, R"({"success":true})");
    return email_taken();
  });
}

}  // namespace

void signup(Services& services, const CallPtr& call) {
  auto key = idempotency_key(call->request());
  if (!key) return services.refuse(call, key.error());
  auto request = parse_signup(call->request().body, call->reference->plans, SignupForm::person);
  if (!request) return services.refuse(call, request.error());
  auto signup = std::make_shared<Signup>(Signup{std::move(*request), std::move(*key), {}});
  const bool taken = services.passwords.submit([&services, call, signup] {
    auto hash = crypto::hash_password(signup->request.admin_password);
    if (!hash) return services.refuse(call, hash.error());
    signup->password_hash = std::move(*hash);
    finish(services, call, signup);
  });
  if (!taken) services.refuse(call, Error{.code = Errc::unavailable, .reason = "overloaded", .message = "hashing"});
}

}  // namespace tenantry::gateway
