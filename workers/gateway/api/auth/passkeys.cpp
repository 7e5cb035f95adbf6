// Passkeys: made and removed by who is logged in. Using one is showing a second factor (factors.h).
#include "workers/gateway/api/auth/passkeys.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/db/connection.h"
#include "shared/text/text.h"
#include "tenantry/events/v1/identity.pb.h"
#include "workers/gateway/api/auth/factors.h"
#include "workers/gateway/api/auth/own_session.h"
#include "workers/gateway/api/auth/second_factor.h"
#include "workers/gateway/api/auth/tokens.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

constexpr int browser_patience = 300'000;  // ms: as long as the challenge is good

json descriptors(const std::vector<store::Passkey>& passkeys) {
  auto out = json::array();
  for (const auto& passkey : passkeys) {
    out.push_back({{"type", "public-key"}, {"id", to_base64url(passkey.credential_id)}});
  }
  return out;
}

// ---- made

// As PublicKeyCredential.parseCreationOptionsFromJSON takes them.
void creation_options(Services& services, const CallPtr& call) {
  if (auto ok = recently_authenticated(services, *call); !ok) return services.refuse(call, ok.error());
  change(services, call, [&services, call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto account = store::read_account(tx, call->person_id());
    if (!account) return nothing_here();
    const auto site = passkey_site(services.config.public_url);
    const auto name = text::shown_email(account->email);
    const auto challenge = store::put_passkey_challenge(tx, account->user_id, "create", outbox.now());
    return secret_answer(
        {{"challenge", to_base64url(challenge)},
         {"rp", {{"id", site.rp_id}, {"name", "Tenantry"}}},
         {"user",
          {{"id", to_base64url(as_bytes(account->user_id))},
           {"name", name},
           {"displayName", account->first_name + " " + account->last_name}}},
         {"pubKeyCredParams", {{{"type", "public-key"}, {"alg", -7}}, {{"type", "public-key"}, {"alg", -8}}}},
         {"timeout", browser_patience},
         {"attestation", "none"},
         {"authenticatorSelection", {{"userVerification", "preferred"}}},
         {"excludeCredentials", descriptors(store::passkeys_of(tx, account->user_id))}});
  });
}

Error refused(std::string message) {
  return {.code = Errc::invalid,
          .reason = "validation_failed",
          .message = "the passkey was not taken",
          .fields = {{"/passkey", "passkey", std::move(message)}}};
}

Result<crypto::NewPasskey> verified(Services& services, db::Transaction& tx, const std::string& user_id,
                                    const NewPasskeyRequest& request, Timestamp now) {
  const auto challenge = challenge_in(request.client_data);
  if (!challenge || !store::take_passkey_challenge(tx, user_id, "create", *challenge, now)) {
    return refused("its challenge was used, or is too old");
  }
  const auto site = passkey_site(services.config.public_url);
  auto made = crypto::verify_new_passkey(request.client_data, request.attestation_object,
                                         {.challenge = *challenge, .rp_id = site.rp_id, .origins = {site.origin}});
  if (!made) return refused(made.error().message);
  return made;
}

// The first second factor comes with recovery codes.
void add_passkey(Services& services, const CallPtr& call) {
  const auto request = parse_new_passkey(call->request().body);
  if (!request) return services.refuse(call, request.error());
  if (auto ok = recently_authenticated(services, *call); !ok) return services.refuse(call, ok.error());
  with_recovery_codes(
      services, call,
      [&services, call, request = *request](db::Connection& connection,
                                            const RecoveryCodes& codes) -> Result<http::Response> {
        http::Response response;
        std::function<void()> forget_all;
        const auto done = services.commit(
            connection, *call, call->caller(), [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
              const auto account = store::read_account(tx, call->person_id());
              if (!account) return nothing_here();
              const auto now = outbox.now();
              const auto made = verified(services, tx, account->user_id, request, now);
              if (!made) return made.error();
              if (store::passkeys_of(tx, account->user_id).size() >= store::passkeys_max) {
                return Error{.code = Errc::conflict, .reason = "too_many_passkeys", .message = "ten passkeys at most"};
              }
              const bool first = !store::factors_of(tx, account->user_id).any();
              const auto id = services.ids.next();
              if (!store::add_passkey(tx, account->user_id, id, request.name, *made, now)) {
                return Error{
                    .code = Errc::conflict, .reason = "factor_exists", .message = "the passkey is there already"};
              }
              if (first) keep_codes(tx, outbox, *account, codes);
              strengthen_own_session(*call, tx, outbox, "passkey");
              forget_all = end_other_sessions(tx, outbox, services, *call);
              auto event = about_person<v1::FactorAdded>(*account);
              event.set_factor("passkey");
              outbox.publish(events::platform_tenant, event);
              response = secret_answer({{"id", id.to_string()},
                                        {"name", request.name},
                                        {"recovery_codes", first ? json(codes.shown) : json(nullptr)}});
              response.status = 201;
              return {};
            });
        if (!done) return done.error();
        services.loop.post(forget_all);
        return response;
      });
}

void remove_passkey(Services& services, const CallPtr& call) {
  if (auto ok = recently_authenticated(services, *call); !ok) return services.refuse(call, ok.error());
  const auto forget_all = std::make_shared<std::function<void()>>();
  change(
      services, call,
      [&services, call, forget_all](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        const auto account = store::read_account(tx, call->person_id());
        if (!account || !store::remove_passkey(tx, account->user_id, id_of(*call))) return nothing_here();
        if (!store::drop_codes_without_factor(tx, account->user_id)) weaken_own_session(*call, tx, outbox);
        *forget_all = end_other_sessions(tx, outbox, services, *call);
        auto event = about_person<v1::FactorRemoved>(*account);
        event.set_factor("passkey");
        outbox.publish(events::platform_tenant, event);
        return http::Response{.status = 204};
      },
      [forget_all] { (*forget_all)(); });
}

// ---- used

// As PublicKeyCredential.parseRequestOptionsFromJSON takes them.
http::Response use_options(Services& services, db::Transaction& tx, const std::string& user_id, Timestamp now) {
  const auto challenge = store::put_passkey_challenge(tx, user_id, "use", now);
  return secret_answer({{"challenge", to_base64url(challenge)},
                        {"rpId", passkey_site(services.config.public_url).rp_id},
                        {"timeout", browser_patience},
                        {"userVerification", "preferred"},
                        {"allowCredentials", descriptors(store::passkeys_of(tx, user_id))}});
}

void login_options(Services& services, const CallPtr& call, std::string_view challenge_type) {
  const auto claims = claims_of_login(services, *call, challenge_type);
  if (!claims) return services.refuse(call, claims.error());
  change(services, call, [&services, user_id = claims->sub](db::Transaction& tx, messaging::Outbox& outbox) {
    return use_options(services, tx, user_id, outbox.now());
  });
}
void member_login_options(Services& services, const CallPtr& call) {
  login_options(services, call, challenge_token_type);
}
void admin_login_options(Services& services, const CallPtr& call) {
  login_options(services, call, admin_challenge_token_type);
}

void own_options(Services& services, const CallPtr& call) {
  change(services, call, [&services, call](db::Transaction& tx, messaging::Outbox& outbox) {
    return use_options(services, tx, call->person_id(), outbox.now());
  });
}

}  // namespace

namespace api {
Routes passkeys() {
  static constexpr Terms own{.before_factor = true, .person = true};
  static constexpr Route routes[] = {
      {Method::post, "/auth/login/factor/options", "passkeyLoginOptions", Guard::open, member_login_options},
      {Method::post, "/v1/admin/auth/login/factor/options", "adminPasskeyLoginOptions", Guard::open,
       admin_login_options},
      {Method::post, "/v1/me/step-up/options", "passkeyStepUpOptions", Guard::billing, own_options, own},
      {Method::post, "/v1/me/factors/passkeys/options", "passkeyCreationOptions", Guard::billing, creation_options,
       own},
      {Method::post, "/v1/me/factors/passkeys", "addPasskey", Guard::billing, add_passkey, own},
      {Method::delete_, "/v1/me/factors/passkeys/{id}", "removePasskey", Guard::billing, remove_passkey, own},
      {Method::post, "/v1/admin/me/step-up/options", "adminPasskeyStepUpOptions", Guard::admin, own_options, own},
      {Method::post, "/v1/admin/me/factors/passkeys/options", "adminPasskeyCreationOptions", Guard::admin,
       creation_options, own},
      {Method::post, "/v1/admin/me/factors/passkeys", "adminAddPasskey", Guard::admin, add_passkey, own},
      {Method::delete_, "/v1/admin/me/factors/passkeys/{id}", "adminRemovePasskey", Guard::admin, remove_passkey, own},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
