// Logins and queues of a tenant's applications. Every function sets the tenant before it reads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "workers/gateway/api/broker/requests.h"

namespace tenantry::db {
class Transaction;
}

namespace tenantry::gateway::store {

struct BrokerLogin {
  int number = 0;
  Timestamp created_at{};
  std::optional<Timestamp> valid_at{};
  bool ends = false;
};
void lock_broker(db::Transaction& tx, std::string_view tenant_id);  // who changes them is one at a time
std::vector<BrokerLogin> broker_logins(db::Transaction& tx, std::string_view tenant_id);  // by number
void add_broker_login(db::Transaction& tx, std::string_view tenant_id, int number, std::string_view password_hash,
                      Timestamp now);
struct StoredBrokerQueue {
  BrokerQueueRequest request;
  std::string state;  // pending, ready, ending
  Timestamp created_at{};
};
std::vector<StoredBrokerQueue> broker_queues(db::Transaction& tx, std::string_view tenant_id);  // by name
void add_broker_queue(db::Transaction& tx, std::string_view tenant_id, const BrokerQueueRequest& queue, Timestamp now);
void end_broker_queue(db::Transaction& tx, std::string_view tenant_id, std::string_view name);

}  // namespace tenantry::gateway::store
