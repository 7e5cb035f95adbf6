// What a person has shown, and what is given for it: the tokens of a session, or of the next step of a login.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "workers/gateway/api/auth/store.h"
#include "workers/gateway/edge/services.h"

namespace tenantry::gateway {

constexpr std::string_view admin_challenge_token_type = "admin_factor";  // as challenge_token_type, of a super-admin

// When a password was shown, and which second factor with it; "": none.
struct Proof {
  Timestamp at{};
  std::string factor{};
};

// A session's place: whose it is, where, and until when.
struct Place {
  std::string session_id;
  std::string tenant_id;
  Timestamp expires_at{};
};

Bytes hash_of_token(std::string_view token);

http::Response secret_answer(const nlohmann::json& body);  // which nobody keeps

// An access token and a refresh token of a session.
http::Response issue_tokens(Services& services, const Call& call, db::Transaction& tx, const store::Person& person,
                            const Place& place);

// A new session with its first tokens, and the event that says so.
http::Response start_session(Services& services, const Call& call, db::Transaction& tx, messaging::Outbox& outbox,
                             const store::Person& person, const std::string& tenant_id, const Proof& proof);

// Who has shown all there is to show: into the tenant that was named, or the only one there is; else the person
// chooses. Errc::unauthenticated "invalid_credentials" for who is no member any more.
Result<http::Response> let_in(Services& services, const Call& call, db::Transaction& tx, messaging::Outbox& outbox,
                              const std::string& user_id, const std::string& tenant_id, const Proof& proof);

// For who has shown the password and has a second factor: a token to show it with. `tenant_id`: that was named, or "".
http::Response ask_for_factor(Services& services, const Call& call, const std::string& user_id,
                              const std::string& email, const std::string& tenant_id,
                              const std::vector<std::string>& factors);

// When the token of a login was given, to the millisecond: its id says so.
Timestamp given_at(const crypto::Claims& claims);

Error invalid_credentials();
Error too_many_attempts();

// 429, with the time to wait.
http::Response wait_answer(const Call& call, Seconds wait);

}  // namespace tenantry::gateway
