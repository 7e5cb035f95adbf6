// The session of who is logged in, a member's in a tenant or a super-admin's, and what changes with the second factors.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "workers/gateway/api/auth/store.h"
#include "workers/gateway/edge/services.h"

namespace tenantry::gateway {

template <class Event>
Event about_person(const store::Account& account) {
  Event event;
  event.set_user_id(account.user_id);
  event.set_email(account.email);
  event.set_locale(account.locale);
  return event;
}

// What it has shown: `factor`, or the password alone where that is "".
void strengthen_own_session(const Call& call, db::Transaction& tx, messaging::Outbox& outbox,
                            const std::string& factor);
void weaken_own_session(const Call& call, db::Transaction& tx, messaging::Outbox& outbox);

// Whoever was in before is out, in all tenants and of the platform, but for who does it. What to do on the loop.
std::function<void()> end_other_sessions(db::Transaction& tx, messaging::Outbox& outbox, Services& services,
                                         const Call& call);

// "abcde-fghij", as people copy them; and what is kept of each.
struct RecoveryCodes {
  std::vector<std::string> shown;
  std::vector<std::string> hashes;
};
// Made on the password pool, since ten hashes take as long as ten logins; then `work` on a lane, whose answer it is.
using WithCodes = std::function<Result<http::Response>(db::Connection&, const RecoveryCodes&)>;
void with_recovery_codes(Services& services, const CallPtr& call, WithCodes work);
void keep_codes(db::Transaction& tx, messaging::Outbox& outbox, const store::Account& account,
                const RecoveryCodes& codes);

}  // namespace tenantry::gateway
