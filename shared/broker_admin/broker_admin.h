// BrokerAdmin: RabbitMQ's management API, as provisioning and the command line need it.
//
// Every call is idempotent: it states how things shall be. Blocking; one thread at a
// time. Errors: unavailable while the broker cannot be reached or answers 5xx.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "events/topology.h"
#include "shared/core/result.h"

namespace tenantry::broker_admin {

class BrokerAdmin {
 public:
  // `url`: http://user:password@host:15672
  static Result<std::unique_ptr<BrokerAdmin>> connect(std::string_view url);
  ~BrokerAdmin();

  Result<void> ensure_vhost(const std::string& vhost, const std::string& description);
  Result<void> remove_vhost(const std::string& vhost);
  Result<bool> has_vhost(const std::string& vhost);

  Result<void> ensure_user(const std::string& user, const std::string& password, const std::string& tags = {});
  Result<void> remove_user(const std::string& user);

  // A topic exchange without a topic permission is open to all keys, so this one comes
  // before the write permission.
  Result<void> set_topic_permission(const std::string& vhost, const std::string& user, const std::string& exchange,
                                    const std::string& write, const std::string& read);
  Result<void> set_permission(const std::string& vhost, const events::Permission& permission);

  Result<void> set_vhost_limit(const std::string& vhost, const std::string& limit, int value);
  Result<void> set_user_limit(const std::string& user, const std::string& limit, int value);  // < 0: unlimited
  Result<void> close_connections_of(const std::string& user);

  // Exchanges, queues and bindings; adds, never deletes.
  Result<void> import_definitions(const std::string& vhost, const std::string& definitions_json);

  Result<int> node_count();

 private:
  struct State;
  explicit BrokerAdmin(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tenantry::broker_admin
