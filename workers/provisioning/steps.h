// Steps: what each step of a saga makes, and how it is taken back. They reach the
// broker's management API and the data store; each may be repeated at any time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/clock.h"
#include "shared/core/ids.h"
#include "shared/core/result.h"
#include "shared/tenancy/lifecycle.h"
#include "workers/provisioning/broker_access.h"
#include "workers/provisioning/config.h"

namespace tenantry::broker_admin {
class BrokerAdmin;
}

namespace tenantry::db {
class Connection;
}

namespace tenantry::provisioning {

// How the steps reach the broker; called again until it succeeds once.
using ConnectBroker = std::function<Result<std::unique_ptr<broker_admin::BrokerAdmin>>()>;

// The last event of the tenant's queues, and that of what expired in them.
struct StreamEnds {
  Uuid queues;
  Uuid expired;
};

// Whose applications are locked out of the broker.
bool is_frozen(tenancy::Status status);

class Steps {
 public:
  // `connection`: the lane's, used in short transactions of the steps' own.
  Steps(const ProvisioningConfig& config, ConnectBroker connect, db::Connection& connection, const Clock& clock);
  ~Steps();

  // `ends`: for the steps that wait for them (release only).
  Result<void> ensure(std::string_view saga, std::string_view step, const std::string& tenant_id,
                      const StreamEnds& ends);
  Result<void> remove(std::string_view step, const std::string& tenant_id);

  // What was changed at the broker, for the rows to follow: nothing in them says so yet.
  struct BrokerChange {
    std::vector<BrokerUser> users_gone{};
    std::vector<std::string> queues_made{};
    std::vector<std::string> queues_gone{};
    std::optional<Timestamp> look_at{};  // when a login may end of which it is not known yet
    std::optional<Error> error{};        // the first of what could not be done
  };
  // Makes the broker what is on record of the tenant's applications: their logins, their queues.
  Result<BrokerChange> follow_record(const std::string& tenant_id);

  // A frozen tenant's applications are locked out; our own workers stay attached,
  // because they must hear the payment that lifts it.
  Result<void> set_frozen(const std::string& tenant_id, bool frozen);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tenantry::provisioning
