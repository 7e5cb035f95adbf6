// Second factors as handlers use them: shown at a login and before what is dangerous, forgotten where others asked for
// it.
#pragma once

#include <functional>
#include <string>

#include "workers/gateway/api/auth/ended.h"
#include "workers/gateway/api/auth/requests.h"
#include "workers/gateway/edge/services.h"

namespace tenantry::gateway {

// Who claims to be a person, and whose log a wrong code is in; "": the platform's.
struct Claimant {
  std::string user_id;
  std::string email;
  std::string tenant_id{};
};

// What follows from a right one, in the transaction that uses it up; `factor`: "totp" or "recovery_code".
using Proven = std::function<Result<http::Response>(db::Transaction&, messaging::Outbox&, const std::string& factor)>;

// Looks at what was shown and answers: with what follows, or with why not. A wrong one counts, and is on record.
// From any thread. `after`: on the loop, after the commit.
void prove(Services& services, const CallPtr& call, const Claimant& who, const ShownFactor& shown, const Proven& then,
           const std::function<void()>& after = {});

// Lost factors that others asked to be forgotten, where it is time; the sessions that ended with it.
Ended reset_factors_where_due(db::Transaction& tx, messaging::Outbox& outbox, const std::string& user_id,
                              Timestamp now);

}  // namespace tenantry::gateway
