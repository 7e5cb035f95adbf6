#include "workers/provisioning/tools.h"

#include <algorithm>

#include "shared/broker_admin/broker_admin.h"
#include "shared/db/run.h"
#include "shared/tenancy/limits.h"
#include "workers/provisioning/store.h"

namespace tenantry::provisioning {
namespace {

// Of a tenant's vhost and of its applications' logins: enough for its own consumers, not for a storm.
constexpr std::int64_t vhost_connections_max = 200;
constexpr int user_channels_max = 500;

}  // namespace

// One that is PENDING may be let in: its vhost is there before its trial is.
bool is_frozen(tenancy::Status status) {
  using enum tenancy::Status;
  return status == suspended || status == cancelled || status == deleted;
}

Tools::Tools(const ProvisioningConfig& settings, ConnectBroker connect, db::Connection& connection, const Clock& time)
    : config(settings), clock(time), connect_broker_(std::move(connect)), connection_(connection) {}

Tools::~Tools() = default;

Result<void> Tools::connect() {
  if (admin_) return {};
  auto connected = connect_broker_();
  if (!connected) return connected.error();
  admin_ = *std::move(connected);
  return {};
}

broker_admin::BrokerAdmin& Tools::admin() {
  TENANTRY_ASSERT(admin_);
  return *admin_;
}

Result<std::string> Tools::queue_type() {
  if (config.queue_type != "auto") return config.queue_type;
  if (queue_type_.empty()) {
    const auto nodes = admin().node_count();
    if (!nodes) return nodes.error();
    queue_type_ = *nodes >= 3 ? "quorum" : "classic";
  }
  return queue_type_;
}

Result<void> Tools::in_transaction(const std::function<Result<void>(db::Transaction&)>& work) {
  return db::run(connection_, {.in_doubt = db::InDoubtCommit::rerun}, work);
}

Result<void> Tools::remember(const std::string& tenant_id, std::string_view kind, const std::string& name) {
  return in_transaction([&](db::Transaction& tx) -> Result<void> {
    remember_resource(tx, tenant_id, kind, name, clock.now());
    return {};
  });
}

Result<void> Tools::ensure_user(const std::string& tenant_id, const BrokerUser& user, bool frozen) {
  const auto name = events::application_user(tenant_id, user.number);
  if (auto ok = remember(tenant_id, resource_user, name); !ok) return ok;  // first: what may exist is on record
  if (auto ok = admin().ensure_user_by_hash(name, user.password_hash); !ok) return ok;
  if (auto ok = limit_connections(tenant_id, name, frozen); !ok) return ok;
  return admin().set_user_limit(name, "max-channels", user_channels_max);
}

Result<void> Tools::limit_connections(const std::string& tenant_id, const std::string& user, bool frozen) {
  std::int64_t most = 0;
  const auto loaded = in_transaction([&](db::Transaction& tx) -> Result<void> {
    most = frozen ? 0 : tenancy::limit_of(tenancy::load_limits(tx, tenant_id, clock.now()), events::connections_limit);
    return {};
  });
  if (!loaded) return loaded;
  if (most == tenancy::unlimited) most = events::application_connections_max;
  return admin().set_user_limit(user, "max-connections", static_cast<int>(std::min(most, vhost_connections_max)));
}

Result<void> Tools::let_in(const std::string& tenant_id, std::span<const BrokerUser> users,
                           std::vector<events::Permission> permissions) {
  const auto vhost = events::vhost_of(tenant_id);
  for (const auto& user : users) {
    const auto name = events::application_user(tenant_id, user.number);
    // A missing topic permission means "allowed": it stands before anybody may write.
    if (auto ok = admin().set_topic_permission(vhost, name, events::application_exchange(tenant_id), "^.*$", "^.*$");
        !ok) {
      return ok;
    }
    permissions.push_back(events::application_permission(tenant_id, name));
  }
  return admin().set_permissions(vhost, permissions);
}

Result<void> Tools::mark_valid(const std::string& tenant_id, const BrokerUser& user) {
  return in_transaction([&](db::Transaction& tx) -> Result<void> {
    mark_broker_user_valid(tx, tenant_id, user.number, clock.now());
    return {};
  });
}

}  // namespace tenantry::provisioning
