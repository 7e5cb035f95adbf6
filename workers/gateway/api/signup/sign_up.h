// What the gateway does in its transaction when somebody signs up, apart from HTTP: the simulation's clients do the
// same, and a replay in parts.
#pragma once

#include <string>

#include "shared/core/ids.h"
#include "shared/core/result.h"
#include "shared/tenancy/tenants.h"
#include "workers/gateway/api/signup/requests.h"

namespace tenantry::db {
class Transaction;
}
namespace tenantry::messaging {
class Outbox;
}
namespace tenantry::events::v1 {
class SignupRequested;
}

namespace tenantry::gateway {

namespace store {

struct NewUser {
  Uuid user_id;
  std::string email;
  std::string first_name;
  std::string last_name;
  std::string locale;
  std::string password_hash;
};
void add_user(db::Transaction& tx, const NewUser& user, Timestamp now);
void add_signup(db::Transaction& tx, const Uuid& signup_id, std::string_view tenant_id, const Uuid& user_id,
                Timestamp now);
bool has_region(db::Transaction& tx, std::string_view region);  // that a cell is in
bool email_taken(db::Transaction& tx, std::string_view email);
// Whether there are fewer tenants that are not deleted. Of some who ask at once each is told so.
bool has_room(db::Transaction& tx, std::int64_t tenants_max);

}  // namespace store

struct SignUp {
  SignupRequest request;
  std::string locale;
  std::string password_hash;
  std::string terms_version;  // that was accepted
  Days trial{14};
};

// What the signup worker is asked for. Without `terms_version`: nobody has accepted any yet.
events::v1::SignupRequested signup_requested(const Uuid& signup_id, const SignupRequest& request,
                                             const std::string& locale, const std::string& terms_version = {});

// A PENDING tenant, its first user, and signup.requested. Throws db::StatementError
// (users_email_key) where a twin took the address meanwhile.
Result<tenancy::Tenant> sign_up(db::Transaction& tx, messaging::Outbox& outbox, IdGenerator& ids,
                                const SignUp& command);

}  // namespace tenantry::gateway
