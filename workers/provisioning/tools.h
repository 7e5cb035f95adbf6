// Tools: what the steps and whoever follows the record work with, of the lane that
// runs them: its connection to the database, the broker's management API, the clock.
//
// Blocking; one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/topology.h"
#include "shared/core/clock.h"
#include "shared/core/result.h"
#include "shared/tenancy/lifecycle.h"
#include "workers/provisioning/broker_access.h"
#include "workers/provisioning/config.h"

namespace tenantry::broker_admin {
class BrokerAdmin;
}

namespace tenantry::db {
class Connection;
class Transaction;
}  // namespace tenantry::db

namespace tenantry::provisioning {

// How the broker is reached; called again until it succeeds once.
using ConnectBroker = std::function<Result<std::unique_ptr<broker_admin::BrokerAdmin>>()>;

// Whose applications are locked out of the broker.
bool is_frozen(tenancy::Status status);

class Tools {
 public:
  Tools(const ProvisioningConfig& settings, ConnectBroker connect, db::Connection& connection, const Clock& time);
  ~Tools();

  // Before anything that reaches the broker.
  Result<void> connect();
  broker_admin::BrokerAdmin& admin();
  // Of a tenant's queues: as configured, or by the number of the broker's nodes.
  Result<std::string> queue_type();

  // Steps are repeatable, so a commit of unknown outcome is simply run again.
  Result<void> in_transaction(const std::function<Result<void>(db::Transaction&)>& work);
  Result<void> remember(const std::string& tenant_id, std::string_view kind, const std::string& name);

  // ---- logins of the tenant's applications

  // There, and limited, but with no right to anything yet. `frozen`: it may not connect.
  Result<void> ensure_user(const std::string& tenant_id, const BrokerUser& user, bool frozen);
  // As many connections as the plan gives each login.
  Result<void> limit_connections(const std::string& tenant_id, const std::string& user, bool frozen);
  // Beside those, `permissions` of others in the tenant's vhost.
  Result<void> let_in(const std::string& tenant_id, std::span<const BrokerUser> users,
                      std::vector<events::Permission> permissions);
  Result<void> mark_valid(const std::string& tenant_id, const BrokerUser& user);

  const ProvisioningConfig config;
  const Clock& clock;

 private:
  ConnectBroker connect_broker_;
  db::Connection& connection_;
  std::unique_ptr<broker_admin::BrokerAdmin> admin_;
  std::string queue_type_;
};

// The kind of a login among a tenant's resources.
inline constexpr std::string_view resource_user = "broker user";

}  // namespace tenantry::provisioning
