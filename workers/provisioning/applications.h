// What a tenant's applications are given at the broker, made as it is on record: their
// logins, their queues, and whether they may connect at all.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shared/core/result.h"
#include "workers/provisioning/broker_access.h"
#include "workers/provisioning/tools.h"

namespace tenantry::provisioning {

// What was changed at the broker, for the rows to follow: nothing in them says so yet.
struct BrokerChange {
  std::vector<BrokerUser> users_gone{};
  std::vector<std::string> queues_made{};
  std::vector<std::string> queues_gone{};
  std::optional<Timestamp> look_at{};  // when a login may end of which it is not known yet
  std::optional<Error> error{};        // the first of what could not be done
};
Result<BrokerChange> follow_record(Tools& tools, const std::string& tenant_id);

// A frozen tenant's applications are locked out; our own workers stay attached,
// because they must hear the payment that lifts it.
Result<void> set_frozen(Tools& tools, const std::string& tenant_id, bool frozen);

}  // namespace tenantry::provisioning
