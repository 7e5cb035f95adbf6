#include "workers/gateway/api/broker/store.h"

#include "shared/db/connection.h"

namespace tenantry::gateway::store {

void lock_broker(db::Transaction& tx, std::string_view tenant_id) {
  tx.send("SELECT pg_advisory_xact_lock(hashtextextended('provisioning.broker/' || $1, 0))", {tenant_id});
}

std::vector<BrokerLogin> broker_logins(db::Transaction& tx, std::string_view tenant_id) {
  tx.set_tenant(tenant_id);
  std::vector<BrokerLogin> out;
  for (const auto row : tx.exec("SELECT number, created_at, valid_at, ended IS NOT NULL FROM provisioning.broker_users "
                                "WHERE tenant_id = $1 ORDER BY number",
                                {tenant_id})) {
    out.push_back({.number = static_cast<int>(row.int64(0)),
                   .created_at = row.timestamp(1),
                   .valid_at = row.optional_timestamp(2),
                   .ends = row.boolean(3)});
  }
  return out;
}

void add_broker_login(db::Transaction& tx, std::string_view tenant_id, int number, std::string_view password_hash,
                      Timestamp now) {
  tx.set_tenant(tenant_id);
  tx.send(
      "INSERT INTO provisioning.broker_users (tenant_id, number, password_hash, created_at) VALUES ($1, $2, $3, $4)",
      {tenant_id, number, password_hash, now});
}

std::vector<StoredBrokerQueue> broker_queues(db::Transaction& tx, std::string_view tenant_id) {
  tx.set_tenant(tenant_id);
  std::vector<StoredBrokerQueue> out;
  for (const auto row : tx.exec("SELECT name, own_events, platform_events, message_ttl_seconds, state, created_at FROM "
                                "provisioning.broker_queues WHERE tenant_id = $1 ORDER BY name",
                                {tenant_id})) {
    StoredBrokerQueue queue{.request = {.name = std::string(row.text(0)),
                                        .own_events = row.texts(1),
                                        .platform_events = row.texts(2),
                                        .message_ttl_seconds = std::nullopt},
                            .state = std::string(row.text(4)),
                            .created_at = row.timestamp(5)};
    if (!row.is_null(3)) queue.request.message_ttl_seconds = static_cast<int>(row.int64(3));
    out.push_back(std::move(queue));
  }
  return out;
}

void add_broker_queue(db::Transaction& tx, std::string_view tenant_id, const BrokerQueueRequest& queue, Timestamp now) {
  tx.set_tenant(tenant_id);
  tx.send(
      "INSERT INTO provisioning.broker_queues (tenant_id, name, own_events, platform_events, message_ttl_seconds, "
      "state, "
      "created_at) VALUES ($1, $2, $3, $4, $5, 'pending', $6)",
      {tenant_id, queue.name, db::Param::array(queue.own_events), db::Param::array(queue.platform_events),
       queue.message_ttl_seconds, now});
}

void end_broker_queue(db::Transaction& tx, std::string_view tenant_id, std::string_view name) {
  tx.set_tenant(tenant_id);
  tx.send("UPDATE provisioning.broker_queues SET state = 'ending' WHERE tenant_id = $1 AND name = $2",
          {tenant_id, name});
}

}  // namespace tenantry::gateway::store
