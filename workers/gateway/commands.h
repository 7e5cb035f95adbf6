// What the gateway does in its transaction when somebody signs up or Stripe writes,
// apart from HTTP: the simulation's clients do the same.
#pragma once

#include <string>

#include "shared/core/ids.h"
#include "shared/core/result.h"
#include "shared/tenancy/tenants.h"
#include "workers/gateway/stripe_event.h"
#include "workers/gateway/validate.h"

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

struct SignUp {
  SignupRequest request;
  std::string locale;
  std::string password_hash;
  Days trial{14};
};

// What the signup worker is asked for.
events::v1::SignupRequested signup_requested(const Uuid& signup_id, const SignupRequest& request,
                                             const std::string& locale);

// A PENDING tenant, its first user, and signup.requested. Throws db::StatementError
// (users_email_key) where a twin took the address meanwhile.
Result<tenancy::Tenant> sign_up(db::Transaction& tx, messaging::Outbox& outbox, IdGenerator& ids,
                                const SignUp& command);

// Stores the raw event once and publishes what it states to the tenant it is about;
// parks what matches none. The same event again changes nothing; with another body it
// becomes a security event.
Result<void> store_stripe_event(db::Transaction& tx, messaging::Outbox& outbox, const StripeFact& fact,
                                const std::string& body);

}  // namespace tenantry::gateway
