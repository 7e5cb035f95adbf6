#include "shared/broker_admin/broker_admin.h"
#include "shared/crypto/broker_password.h"
#include "shared/db/connection.h"
#include "shared/tenancy/tenants.h"
#include "workers/provisioning/steps/standard.h"
#include "workers/provisioning/store.h"
#include "workers/provisioning/tools.h"

namespace tenantry::provisioning {
namespace {

// Of a tenant's vhost: enough for its own consumers, not for a storm.
constexpr int vhost_connections_max = 200;
constexpr int vhost_queues_max = 50;

struct Logins {
  std::vector<BrokerUser> users;  // that have not ended
  bool frozen = false;
};

// Before anybody has asked for a password there is none.
Result<Logins> logins_of(Tools& tools, const std::string& tenant_id) {
  Logins logins;
  const auto done = tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
    const auto tenant = tenancy::find_tenant(tx, tenant_id);
    logins.frozen = tenant && is_frozen(tenant->lifecycle.status);
    logins.users = load_broker_users(tx, tenant_id);
    if (!logins.users.empty()) return {};
    add_broker_user(tx, tenant_id, 1, crypto::broker_password_of_nobody(), tools.clock.now());
    logins.users = load_broker_users(tx, tenant_id);
    return {};
  });
  if (!done) return done.error();
  std::erase_if(logins.users, [](const BrokerUser& user) { return !user.ended.empty(); });
  return logins;
}

Result<void> make_users(Tools& tools, const std::string& tenant_id) {
  const auto logins = logins_of(tools, tenant_id);
  if (!logins) return logins.error();
  for (const auto& user : logins->users) {
    if (auto ok = tools.ensure_user(tenant_id, user, logins->frozen); !ok) return ok;
    if (auto ok = tools.mark_valid(tenant_id, user); !ok) return ok;
  }
  return {};
}

Result<void> remove_users(Tools& tools, const std::string& tenant_id) {
  std::vector<std::string> users;
  const auto loaded = tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
    users = resources_of(tx, tenant_id, resource_user);
    return {};
  });
  if (!loaded) return loaded;
  for (const auto& user : users) {
    if (auto ok = tools.admin().remove_user(user); !ok) return ok;
  }
  return tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
    remove_broker_users(tx, tenant_id);
    forget_resource(tx, tenant_id, resource_user);
    return {};
  });
}

Result<void> make_topology(Tools& tools, const std::string& tenant_id) {
  const auto type = tools.queue_type();
  if (!type) return type.error();
  const auto vhost = events::vhost_of(tenant_id);
  if (auto ok = tools.admin().import_definitions(vhost, events::definitions_json(tenant_id, *type)); !ok) return ok;
  std::vector<events::ApplicationQueue> kept;
  const auto loaded = tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
    kept = kept_queues(tx, tenant_id);
    return {};
  });
  if (!loaded) return loaded.error();
  return tools.admin().import_definitions(vhost, events::application_queues_json(tenant_id, kept, *type));
}

}  // namespace

Step broker_vhost() {
  return {.name = "broker_vhost",
          .ensure = [](Tools& tools, const Target& target) -> Result<void> {
            const auto vhost = events::vhost_of(target.tenant_id);
            // First: what may exist is on record.
            if (auto ok = tools.remember(target.tenant_id, "vhost", vhost); !ok) return ok;
            return tools.admin().ensure_vhost(vhost, "Tenantry: " + target.tenant_id);
          },
          .remove = [](Tools& tools, const Target& target) -> Result<void> {
            if (auto ok = tools.admin().remove_vhost(events::vhost_of(target.tenant_id)); !ok) return ok;
            return tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
              remove_broker_queues(tx, target.tenant_id);
              forget_resource(tx, target.tenant_id, "vhost");
              return {};
            });
          },
          .verify = [](Tools& tools,
                       const Target& target) { return tools.admin().has_vhost(events::vhost_of(target.tenant_id)); }};
}

Step broker_application_user() {
  return {.name = "broker_application_user",
          .ensure = [](Tools& tools, const Target& target) { return make_users(tools, target.tenant_id); },
          .remove = [](Tools& tools, const Target& target) { return remove_users(tools, target.tenant_id); }};
}

Step broker_permissions() {
  return {.name = "broker_permissions", .ensure = [](Tools& tools, const Target& target) -> Result<void> {
            const auto logins = logins_of(tools, target.tenant_id);
            if (!logins) return logins.error();
            auto permissions = events::permissions_of(target.tenant_id, tools.config.users);
            // Of queues RabbitMQ lists those of vhosts that a login may enter, whatever its tags; it may do nothing
            // there.
            if (!tools.config.monitor_user.empty()) permissions.push_back({.user = tools.config.monitor_user});
            return tools.let_in(target.tenant_id, logins->users, std::move(permissions));
          }};
}

Step broker_limits() {
  return {.name = "broker_limits", .ensure = [](Tools& tools, const Target& target) -> Result<void> {
            const auto vhost = events::vhost_of(target.tenant_id);
            if (auto ok = tools.admin().set_vhost_limit(vhost, "max-connections", vhost_connections_max); !ok) {
              return ok;
            }
            return tools.admin().set_vhost_limit(vhost, "max-queues", vhost_queues_max);
          }};
}

Step broker_topology() {
  return {.name = "broker_topology",
          .ensure = [](Tools& tools, const Target& target) { return make_topology(tools, target.tenant_id); }};
}

}  // namespace tenantry::provisioning
