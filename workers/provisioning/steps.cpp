#include "workers/provisioning/steps.h"

#include "events/topology.h"
#include "shared/broker_admin/broker_admin.h"
#include "shared/crypto/envelope.h"
#include "shared/crypto/hash.h"
#include "shared/db/run.h"
#include "workers/provisioning/backup.h"
#include "workers/provisioning/store.h"

namespace tenantry::provisioning {
namespace {

// Limits of a tenant's vhost and of its applications' user: enough for its own consumers, not for a storm.
constexpr int vhost_connections_max = 200;
constexpr int vhost_queues_max = 50;
constexpr int user_connections_max = 50;
constexpr int user_channels_max = 500;

constexpr std::string_view credential_broker = "broker_application";

}  // namespace

struct Steps::State {
  ProvisioningConfig config;
  ConnectBroker connect_broker;
  db::Connection& connection;
  const Clock& clock;
  std::unique_ptr<broker_admin::BrokerAdmin> admin;
  std::string queue_type;

  // Steps are repeatable, so a commit of unknown outcome is simply run again.
  Result<void> in_transaction(const std::function<Result<void>(db::Transaction&)>& work) {
    return db::run(connection, {.in_doubt = db::InDoubtCommit::rerun}, work);
  }

  Result<void> connect() {
    if (admin) return {};
    auto connected = connect_broker();
    if (!connected) return connected.error();
    admin = *std::move(connected);
    return {};
  }

  Result<std::string> queues() {
    if (config.queue_type != "auto") return config.queue_type;
    if (queue_type.empty()) {
      const auto nodes = admin->node_count();
      if (!nodes) return nodes.error();
      queue_type = *nodes >= 3 ? "quorum" : "classic";
    }
    return queue_type;
  }

  // Made once and kept sealed under the tenant's key, so that a repeated step sets the same password.
  Result<std::string> application_password(const std::string& tenant_id) {
    std::string password;
    const auto done = in_transaction([&](db::Transaction& tx) -> Result<void> {
      const auto wrapped = find_tenant_key(tx, tenant_id);
      if (!wrapped) {
        return Error{.code = Errc::not_found, .reason = "tenant_key_missing", .message = tenant_id + " has no key"};
      }
      const auto master = crypto::MasterKey::from_base64(config.master_key);
      const auto key =
          crypto::DataKey::unwrap(*master, tenant_id, static_cast<std::uint32_t>(wrapped->version), wrapped->wrapped);
      if (!key) return key.error();
      const crypto::FieldPlace place{tenant_id, "provisioning.credentials", credential_broker, "sealed"};
      if (const auto sealed = find_credential(tx, tenant_id, credential_broker)) {
        const auto opened = crypto::open_field(*key, place, *sealed);
        if (!opened) return opened.error();
        password = std::string(as_text(*opened));
        return {};
      }
      password = to_base64url(crypto::random_bytes(32));
      insert_credential(tx, tenant_id, credential_broker, wrapped->version,
                        crypto::seal_field(*key, place, as_bytes(password)), clock.now());
      return {};
    });
    if (!done) return done.error();
    return password;
  }

  Result<void> remember(const std::string& tenant_id, std::string_view kind, const std::string& name) {
    return in_transaction([&](db::Transaction& tx) -> Result<void> {
      remember_resource(tx, tenant_id, kind, name, clock.now());
      return {};
    });
  }

  Result<void> forget(const std::string& tenant_id, std::string_view kind) {
    return in_transaction([&](db::Transaction& tx) -> Result<void> {
      forget_resource(tx, tenant_id, kind);
      return {};
    });
  }

  // ---- provision ---------------------------------------------------------------------------------------------

  Result<void> broker_vhost(const std::string& tenant_id) {
    const auto vhost = events::vhost_of(tenant_id);
    if (auto ok = remember(tenant_id, "vhost", vhost); !ok) return ok;  // first: what may exist is on record
    return admin->ensure_vhost(vhost, "Tenantry: " + tenant_id);
  }

  Result<void> broker_application_user(const std::string& tenant_id) {
    const auto password = application_password(tenant_id);
    if (!password) return password.error();
    const auto user = events::application_user(tenant_id);
    if (auto ok = remember(tenant_id, "broker user", user); !ok) return ok;
    if (auto ok = admin->ensure_user(user, *password); !ok) return ok;
    if (auto ok = admin->set_user_limit(user, "max-connections", user_connections_max); !ok) return ok;
    return admin->set_user_limit(user, "max-channels", user_channels_max);
  }

  Result<void> broker_permissions(const std::string& tenant_id) {
    const auto vhost = events::vhost_of(tenant_id);
    // A missing topic permission means "allowed": it stands before anybody may write.
    if (auto ok = admin->set_topic_permission(vhost, events::application_user(tenant_id),
                                              events::application_exchange(tenant_id), "^.*$", "^.*$");
        !ok) {
      return ok;
    }
    return admin->set_permissions(vhost, events::permissions_of(tenant_id, config.users));
  }

  Result<void> broker_limits(const std::string& tenant_id) {
    const auto vhost = events::vhost_of(tenant_id);
    if (auto ok = admin->set_vhost_limit(vhost, "max-connections", vhost_connections_max); !ok) return ok;
    return admin->set_vhost_limit(vhost, "max-queues", vhost_queues_max);
  }

  Result<void> broker_topology(const std::string& tenant_id) {
    const auto type = queues();
    if (!type) return type.error();
    return admin->import_definitions(events::vhost_of(tenant_id), events::definitions_json(tenant_id, *type));
  }

  Result<void> data_store(const std::string& tenant_id) {
    return in_transaction([&](db::Transaction& tx) -> Result<void> {
      remember_resource(tx, tenant_id, "data store", "pool", clock.now());
      open_store(tx, tenant_id, clock.now());
      return {};
    });
  }

  // ---- release -----------------------------------------------------------------------------------------------

  // Since the tenant is deleted, new events of its go to "platform" (Outbox::flush). Closed is its vhost once every
  // transaction from before is over and what they wrote is published.
  Result<void> close(const std::string& tenant_id) {
    return in_transaction([&](db::Transaction& tx) -> Result<void> {
      drop_timers(tx, tenant_id);
      if (!everybody_knows(tx, tenant_id, "release")) return waiting("an older transaction is still open");
      if (outbox_rows_due(tx, events::vhost_of(tenant_id), clock.now()) > 0) {
        return waiting("events are still being published");
      }
      return {};
    });
  }

  // The marker is the last event of each queue: once every worker has it in its inbox, nothing is left there.
  Result<void> drain(const Uuid& marker) {
    return in_transaction([&](db::Transaction& tx) -> Result<void> {
      const auto behind = workers_behind(tx, marker);
      return behind.empty() ? Result<void>{} : waiting("worker " + behind.front() + " has not come to the end");
    });
  }

  // The stream has come to its end, so that nothing changes the rows any more.
  Result<void> final_backup(const std::string& tenant_id) {
    return in_transaction([&](db::Transaction& tx) -> Result<void> {
      const auto master = crypto::MasterKey::from_base64(config.master_key);
      return make_final_backup(tx, *master, tenant_id, clock.now(), config.backup_years);
    });
  }

  static Error waiting(std::string for_what) {
    return {.code = Errc::unavailable, .reason = "not_drained", .message = std::move(for_what)};
  }
};

Steps::Steps(const ProvisioningConfig& config, ConnectBroker connect, db::Connection& connection, const Clock& clock)
    : state_(std::make_unique<State>(State{config, std::move(connect), connection, clock, nullptr, {}})) {}

Steps::~Steps() = default;

Result<void> Steps::ensure(std::string_view saga, std::string_view step, const std::string& tenant_id,
                           const Uuid& marker) {
  if (auto ok = state_->connect(); !ok) return ok;
  if (step == "close") return state_->close(tenant_id);
  if (step == "drain") return state_->drain(marker);
  if (step == "final_backup") return state_->final_backup(tenant_id);
  if (saga == "release") return remove(step, tenant_id);
  if (step == "broker_vhost") return state_->broker_vhost(tenant_id);
  if (step == "broker_application_user") return state_->broker_application_user(tenant_id);
  if (step == "broker_permissions") return state_->broker_permissions(tenant_id);
  if (step == "broker_limits") return state_->broker_limits(tenant_id);
  if (step == "broker_topology") return state_->broker_topology(tenant_id);
  TENANTRY_ASSERT(step == "data_store");
  return state_->data_store(tenant_id);
}

Result<void> Steps::remove(std::string_view step, const std::string& tenant_id) {
  if (auto ok = state_->connect(); !ok) return ok;
  if (step == "broker_vhost") {
    if (auto ok = state_->admin->remove_vhost(events::vhost_of(tenant_id)); !ok) return ok;
    return state_->forget(tenant_id, "vhost");
  }
  if (step == "broker_application_user") {
    if (auto ok = state_->admin->remove_user(events::application_user(tenant_id)); !ok) return ok;
    return state_->in_transaction([&](db::Transaction& tx) -> Result<void> {
      remove_credentials(tx, tenant_id);
      forget_resource(tx, tenant_id, "broker user");
      return {};
    });
  }
  if (step == "data_store") {
    return state_->in_transaction([&](db::Transaction& tx) -> Result<void> {
      remove_store(tx, tenant_id);
      forget_resource(tx, tenant_id, "data store");
      return {};
    });
  }
  if (step == "memberships") {
    return state_->in_transaction([&](db::Transaction& tx) -> Result<void> {
      remove_people(tx, tenant_id);
      return {};
    });
  }
  return {};  // permissions, limits and topology go with their vhost
}

Result<void> Steps::set_frozen(const std::string& tenant_id, bool frozen) {
  if (auto ok = state_->connect(); !ok) return ok;
  const auto user = events::application_user(tenant_id);
  if (auto ok = state_->admin->set_user_limit(user, "max-connections", frozen ? 0 : user_connections_max); !ok)
    return ok;
  if (!frozen) return {};
  return state_->admin->close_connections_of(user);
}

}  // namespace tenantry::provisioning
