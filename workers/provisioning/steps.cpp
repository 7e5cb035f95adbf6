#include "workers/provisioning/steps.h"

#include <algorithm>

#include "events/topology.h"
#include "shared/broker_admin/broker_admin.h"
#include "shared/crypto/broker_password.h"
#include "shared/crypto/envelope.h"
#include "shared/db/run.h"
#include "shared/tenancy/limits.h"
#include "shared/tenancy/tenants.h"
#include "workers/provisioning/backup.h"
#include "workers/provisioning/store.h"

namespace tenantry::provisioning {
namespace {

// Limits of a tenant's vhost and of its applications' user: enough for its own consumers, not for a storm.
constexpr int vhost_connections_max = 200;
constexpr int vhost_queues_max = 50;
constexpr int user_channels_max = 500;

constexpr const char* resource_user = "broker user";

}  // namespace

struct Steps::State {
  ProvisioningConfig config;
  ConnectBroker connect_broker;
  db::Connection& connection;
  const Clock& clock;
  std::unique_ptr<broker_admin::BrokerAdmin> admin;
  std::string queue_type;
  const AccessPolicy policy{};

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

  Result<void> remember(const std::string& tenant_id, std::string_view kind, const std::string& name) {
    return in_transaction([&](db::Transaction& tx) -> Result<void> {
      remember_resource(tx, tenant_id, kind, name, clock.now());
      return {};
    });
  }

  // ---- provision ---------------------------------------------------------------------------------------------

  Result<void> broker_vhost(const std::string& tenant_id) {
    const auto vhost = events::vhost_of(tenant_id);
    if (auto ok = remember(tenant_id, "vhost", vhost); !ok) return ok;  // first: what may exist is on record
    return admin->ensure_vhost(vhost, "Tenantry: " + tenant_id);
  }

  // Before anybody has asked for a password there is none.
  Result<std::vector<BrokerUser>> first_users(const std::string& tenant_id) {
    std::vector<BrokerUser> users;
    const auto done = in_transaction([&](db::Transaction& tx) -> Result<void> {
      users = load_broker_users(tx, tenant_id);
      if (!users.empty()) return {};
      add_broker_user(tx, tenant_id, 1, crypto::broker_password_of_nobody(), clock.now());
      users = load_broker_users(tx, tenant_id);
      return {};
    });
    if (!done) return done.error();
    std::erase_if(users, [](const BrokerUser& user) { return !user.ended.empty(); });
    return users;
  }

  Result<void> ensure_user(const std::string& tenant_id, const BrokerUser& user, bool frozen) {
    const auto name = events::application_user(tenant_id, user.number);
    if (auto ok = remember(tenant_id, resource_user, name); !ok) return ok;  // first: what may exist is on record
    if (auto ok = admin->ensure_user_by_hash(name, user.password_hash); !ok) return ok;
    if (auto ok = limit_connections(tenant_id, name, frozen); !ok) return ok;
    return admin->set_user_limit(name, "max-channels", user_channels_max);
  }

  // As many as the plan gives each login.
  Result<void> limit_connections(const std::string& tenant_id, const std::string& user, bool frozen) {
    std::int64_t most = 0;
    const auto loaded = in_transaction([&](db::Transaction& tx) -> Result<void> {
      most =
          frozen ? 0 : tenancy::limit_of(tenancy::load_limits(tx, tenant_id, clock.now()), events::connections_limit);
      return {};
    });
    if (!loaded) return loaded;
    if (most == tenancy::unlimited) most = events::application_connections_max;
    return admin->set_user_limit(user, "max-connections",
                                 static_cast<int>(std::min<std::int64_t>(most, vhost_connections_max)));
  }

  Result<void> let_in(const std::string& tenant_id, std::span<const BrokerUser> users,
                      std::vector<events::Permission> permissions) {
    const auto vhost = events::vhost_of(tenant_id);
    for (const auto& user : users) {
      const auto name = events::application_user(tenant_id, user.number);
      // A missing topic permission means "allowed": it stands before anybody may write.
      if (auto ok = admin->set_topic_permission(vhost, name, events::application_exchange(tenant_id), "^.*$", "^.*$");
          !ok) {
        return ok;
      }
      permissions.push_back(events::application_permission(tenant_id, name));
    }
    return admin->set_permissions(vhost, permissions);
  }

  Result<void> mark_valid(const std::string& tenant_id, const BrokerUser& user) {
    return in_transaction([&](db::Transaction& tx) -> Result<void> {
      mark_broker_user_valid(tx, tenant_id, user.number, clock.now());
      return {};
    });
  }

  Result<void> broker_application_user(const std::string& tenant_id) {
    const auto users = first_users(tenant_id);
    if (!users) return users.error();
    for (const auto& user : *users) {
      if (auto ok = ensure_user(tenant_id, user, false); !ok) return ok;
      if (auto ok = mark_valid(tenant_id, user); !ok) return ok;
    }
    return {};
  }

  Result<void> broker_permissions(const std::string& tenant_id) {
    const auto users = first_users(tenant_id);
    if (!users) return users.error();
    return let_in(tenant_id, *users, events::permissions_of(tenant_id, config.users));
  }

  Result<void> broker_limits(const std::string& tenant_id) {
    const auto vhost = events::vhost_of(tenant_id);
    if (auto ok = admin->set_vhost_limit(vhost, "max-connections", vhost_connections_max); !ok) return ok;
    return admin->set_vhost_limit(vhost, "max-queues", vhost_queues_max);
  }

  Result<void> broker_topology(const std::string& tenant_id) {
    const auto type = queues();
    if (!type) return type.error();
    const auto vhost = events::vhost_of(tenant_id);
    if (auto ok = admin->import_definitions(vhost, events::definitions_json(tenant_id, *type)); !ok) return ok;
    std::vector<events::ApplicationQueue> kept;
    const auto loaded = in_transaction([&](db::Transaction& tx) -> Result<void> {
      kept = kept_queues(tx, tenant_id);
      return {};
    });
    if (!loaded) return loaded.error();
    return admin->import_definitions(vhost, events::application_queues_json(tenant_id, kept, *type));
  }

  Result<void> data_store(const std::string& tenant_id) {
    return in_transaction([&](db::Transaction& tx) -> Result<void> {
      remember_resource(tx, tenant_id, "data store", "pool", clock.now());
      open_store(tx, tenant_id, clock.now());
      return {};
    });
  }

  // ---- what a tenant asks for --------------------------------------------------------------------------------

  // Whoever is new is let in last, when its limits stand.
  Result<void> open_user(const std::string& tenant_id, const BrokerUser& user, bool frozen) {
    if (auto ok = ensure_user(tenant_id, user, frozen); !ok) return ok;
    if (auto ok = let_in(tenant_id, std::span(&user, 1), {}); !ok) return ok;
    return mark_valid(tenant_id, user);
  }

  // What was seen and decided is on record before anything ends by it: a repetition comes to the same.
  Result<std::vector<BrokerUser>> decide_ends(const std::string& tenant_id, std::span<const int> used) {
    std::vector<BrokerUser> users;
    const auto done = in_transaction([&](db::Transaction& tx) -> Result<void> {
      const auto now = clock.now();
      for (const auto number : used) mark_broker_user_used(tx, tenant_id, number, now);
      users = load_broker_users(tx, tenant_id);
      const auto before = users;
      for (auto& user : users) {
        const auto why = end_of(user, before, now, policy);
        if (why == user.ended) continue;
        user.ended = why;
        mark_broker_user_ended(tx, tenant_id, user.number, why);
      }
      return {};
    });
    if (!done) return done.error();
    return users;
  }

  Result<void> follow_users(const std::string& tenant_id, const std::vector<BrokerUser>& users, bool frozen,
                            Steps::BrokerChange& change) {
    std::vector<int> used;
    for (const auto& user : users) {
      if (!user.valid_at && user.ended.empty()) {
        if (auto ok = open_user(tenant_id, user, frozen); !ok) return ok;
      }
      if (user.number == users.front().number || user.used_at) continue;
      const auto connected = admin->is_connected(events::application_user(tenant_id, user.number));
      if (!connected) return connected.error();
      if (*connected) used.push_back(user.number);
    }
    auto decided = decide_ends(tenant_id, used);
    if (!decided) return decided.error();
    change.look_at = next_look(*decided, clock.now(), policy);
    for (auto& user : *decided) {
      if (user.ended.empty()) continue;
      const auto name = events::application_user(tenant_id, user.number);
      if (auto ok = admin->remove_user(name); !ok) return ok;
      if (auto ok = admin->close_connections_of(name); !ok) return ok;
      change.users_gone.push_back(std::move(user));
    }
    return {};
  }

  Result<void> follow_queue(const std::string& tenant_id, const BrokerQueue& each, Steps::BrokerChange& change) {
    const auto vhost = events::vhost_of(tenant_id);
    if (each.state == "ending") {
      if (auto ok = admin->remove_queue(vhost, events::application_queue(tenant_id, each.queue.name)); !ok) return ok;
      change.queues_gone.push_back(each.queue.name);
    } else if (each.state == "pending") {
      const auto type = queues();
      if (!type) return type.error();
      const auto made = events::application_queues_json(tenant_id, std::span(&each.queue, 1), *type);
      if (auto ok = admin->import_definitions(vhost, made); !ok) return ok;
      change.queues_made.push_back(each.queue.name);
    }
    return {};
  }

  Result<Steps::BrokerChange> follow_record(const std::string& tenant_id) {
    std::optional<tenancy::Tenant> tenant;
    std::vector<BrokerUser> users;
    std::vector<BrokerQueue> queues_on_record;
    const auto loaded = in_transaction([&](db::Transaction& tx) -> Result<void> {
      tenant = tenancy::find_tenant(tx, tenant_id);
      users = load_broker_users(tx, tenant_id);
      queues_on_record = load_broker_queues(tx, tenant_id);
      return {};
    });
    if (!loaded) return loaded.error();
    Steps::BrokerChange change;
    if (!tenant || !tenant->vhost_ready) return change;  // its saga makes what is to be, and takes away what was
    const auto note = [&change](const Result<void>& done) {
      if (!done && !change.error) change.error = done.error();
    };
    note(follow_users(tenant_id, users, is_frozen(tenant->lifecycle.status), change));
    for (const auto& queue : queues_on_record) note(follow_queue(tenant_id, queue, change));
    return change;
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

  // The marker is the last event of a queue of each of the workers: once all have it in their inboxes, nothing is left
  // there.
  Result<void> drain(std::span<const std::string_view> workers, const Uuid& marker) {
    return in_transaction([&](db::Transaction& tx) -> Result<void> {
      const auto behind = workers_behind(tx, workers, marker);
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

bool is_frozen(tenancy::Status status) {
  return status != tenancy::Status::trial && status != tenancy::Status::active;
}

Steps::Steps(const ProvisioningConfig& config, ConnectBroker connect, db::Connection& connection, const Clock& clock)
    : state_(std::make_unique<State>(State{config, std::move(connect), connection, clock, nullptr, {}})) {}

Steps::~Steps() = default;

Result<void> Steps::ensure(std::string_view saga, std::string_view step, const std::string& tenant_id,
                           const StreamEnds& ends) {
  if (auto ok = state_->connect(); !ok) return ok;
  if (step == "close") return state_->close(tenant_id);
  if (step == "drain") return state_->drain(events::workers, ends.queues);
  if (step == "drain_expired") return state_->drain(events::workers_of_applications(), ends.expired);
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
    return state_->in_transaction([&](db::Transaction& tx) -> Result<void> {
      remove_broker_queues(tx, tenant_id);
      forget_resource(tx, tenant_id, "vhost");
      return {};
    });
  }
  if (step == "broker_application_user") {
    std::vector<std::string> users;
    const auto loaded = state_->in_transaction([&](db::Transaction& tx) -> Result<void> {
      users = resources_of(tx, tenant_id, resource_user);
      return {};
    });
    if (!loaded) return loaded;
    for (const auto& user : users) {
      if (auto ok = state_->admin->remove_user(user); !ok) return ok;
    }
    return state_->in_transaction([&](db::Transaction& tx) -> Result<void> {
      remove_broker_users(tx, tenant_id);
      forget_resource(tx, tenant_id, resource_user);
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

Result<Steps::BrokerChange> Steps::follow_record(const std::string& tenant_id) {
  if (auto ok = state_->connect(); !ok) return ok.error();
  return state_->follow_record(tenant_id);
}

Result<void> Steps::set_frozen(const std::string& tenant_id, bool frozen) {
  if (auto ok = state_->connect(); !ok) return ok;
  std::vector<BrokerUser> users;
  const auto loaded = state_->in_transaction([&](db::Transaction& tx) -> Result<void> {
    users = load_broker_users(tx, tenant_id);
    return {};
  });
  if (!loaded) return loaded;
  for (const auto& user : users) {
    const auto name = events::application_user(tenant_id, user.number);
    if (auto ok = state_->limit_connections(tenant_id, name, frozen); !ok) return ok;
    if (!frozen) continue;
    if (auto ok = state_->admin->close_connections_of(name); !ok) return ok;
  }
  return {};
}

}  // namespace tenantry::provisioning
