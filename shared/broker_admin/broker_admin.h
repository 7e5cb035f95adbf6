// BrokerAdmin: a broker's objects, as provisioning and the command line need them:
// RabbitMQ's management API, or the simulation's broker.
//
// Every call is idempotent: it states how things shall be. Blocking; one thread at a
// time. Errors: unavailable while the broker cannot be reached or cannot do it now.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/topology.h"
#include "shared/core/result.h"

namespace tenantry::broker_admin {

class BrokerAdmin {
 public:
  virtual ~BrokerAdmin() = default;

  // One that was left half made is made again; one that has queues is never touched.
  virtual Result<void> ensure_vhost(const std::string& vhost, const std::string& description) = 0;
  virtual Result<void> remove_vhost(const std::string& vhost) = 0;
  virtual Result<bool> has_vhost(const std::string& vhost) = 0;

  virtual Result<void> ensure_user(const std::string& user, const std::string& password,
                                   const std::string& tags = {}) = 0;
  // `password_hash`: as RabbitMQ keeps it (crypto/broker_password.h).
  virtual Result<void> ensure_user_by_hash(const std::string& user, const std::string& password_hash) = 0;
  virtual Result<void> remove_user(const std::string& user) = 0;

  // A topic exchange without a topic permission is open to all keys, so this one comes
  // before the write permission.
  virtual Result<void> set_topic_permission(const std::string& vhost, const std::string& user,
                                            const std::string& exchange, const std::string& write,
                                            const std::string& read) = 0;
  // Beside those given, that of our own login to declare what is in the vhost.
  virtual Result<void> set_permissions(const std::string& vhost, std::span<const events::Permission> permissions) = 0;

  virtual Result<void> set_vhost_limit(const std::string& vhost, const std::string& limit, int value) = 0;
  virtual Result<void> set_user_limit(const std::string& user, const std::string& limit,
                                      int value) = 0;  // < 0: unlimited
  virtual Result<void> close_connections_of(const std::string& user) = 0;
  virtual Result<bool> is_connected(const std::string& user) = 0;

  // Exchanges, queues and bindings; adds, never changes or deletes.
  virtual Result<void> import_definitions(const std::string& vhost, const std::string& definitions_json) = 0;
  virtual Result<void> remove_queue(const std::string& vhost, const std::string& queue) = 0;  // with what is in it

  virtual Result<int> node_count() = 0;
};

// `url`: http://user:password@host:15672
Result<std::unique_ptr<BrokerAdmin>> connect(std::string_view url);

}  // namespace tenantry::broker_admin
