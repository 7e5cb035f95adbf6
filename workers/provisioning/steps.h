// Steps: what each step of a saga makes, and how it is taken back. They reach the
// broker's management API and the data store; each may be repeated at any time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "shared/core/clock.h"
#include "shared/core/ids.h"
#include "shared/core/result.h"
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

class Steps {
 public:
  // `connection`: the lane's, used in short transactions of the steps' own.
  Steps(const ProvisioningConfig& config, ConnectBroker connect, db::Connection& connection, const Clock& clock);
  ~Steps();

  // `marker`: the event that ends the tenant's stream (release only).
  Result<void> ensure(std::string_view saga, std::string_view step, const std::string& tenant_id, const Uuid& marker);
  Result<void> remove(std::string_view step, const std::string& tenant_id);

  // A frozen tenant's applications are locked out; our own workers stay attached,
  // because they must hear the payment that lifts it.
  Result<void> set_frozen(const std::string& tenant_id, bool frozen);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tenantry::provisioning
