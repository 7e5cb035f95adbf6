#include "workers/provisioning/applications.h"

#include "events/topology.h"
#include "shared/broker_admin/broker_admin.h"
#include "shared/db/connection.h"
#include "shared/tenancy/tenants.h"
#include "workers/provisioning/store.h"

namespace tenantry::provisioning {
namespace {

constexpr AccessPolicy policy{};

// Whoever is new is let in last, when its limits stand.
Result<void> open_user(Tools& tools, const std::string& tenant_id, const BrokerUser& user, bool frozen) {
  if (auto ok = tools.ensure_user(tenant_id, user, frozen); !ok) return ok;
  if (auto ok = tools.let_in(tenant_id, std::span(&user, 1), {}); !ok) return ok;
  return tools.mark_valid(tenant_id, user);
}

// What was seen and decided is on record before anything ends by it: a repetition comes to the same.
Result<std::vector<BrokerUser>> decide_ends(Tools& tools, const std::string& tenant_id, std::span<const int> used) {
  std::vector<BrokerUser> users;
  const auto done = tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
    const auto now = tools.clock.now();
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

Result<void> follow_users(Tools& tools, const std::string& tenant_id, const std::vector<BrokerUser>& users, bool frozen,
                          BrokerChange& change) {
  std::vector<int> used;
  for (const auto& user : users) {
    if (!user.valid_at && user.ended.empty()) {
      if (auto ok = open_user(tools, tenant_id, user, frozen); !ok) return ok;
    }
    if (user.number == users.front().number || user.used_at) continue;
    const auto connected = tools.admin().is_connected(events::application_user(tenant_id, user.number));
    if (!connected) return connected.error();
    if (*connected) used.push_back(user.number);
  }
  auto decided = decide_ends(tools, tenant_id, used);
  if (!decided) return decided.error();
  change.look_at = next_look(*decided, tools.clock.now(), policy);
  for (auto& user : *decided) {
    if (user.ended.empty()) continue;
    const auto name = events::application_user(tenant_id, user.number);
    if (auto ok = tools.admin().remove_user(name); !ok) return ok;
    if (auto ok = tools.admin().close_connections_of(name); !ok) return ok;
    change.users_gone.push_back(std::move(user));
  }
  return {};
}

Result<void> follow_queue(Tools& tools, const std::string& tenant_id, const BrokerQueue& each, BrokerChange& change) {
  const auto vhost = events::vhost_of(tenant_id);
  if (each.state == "ending") {
    if (auto ok = tools.admin().remove_queue(vhost, events::application_queue(tenant_id, each.queue.name)); !ok) {
      return ok;
    }
    change.queues_gone.push_back(each.queue.name);
  } else if (each.state == "pending") {
    const auto type = tools.queue_type();
    if (!type) return type.error();
    const auto made = events::application_queues_json(tenant_id, std::span(&each.queue, 1), *type);
    if (auto ok = tools.admin().import_definitions(vhost, made); !ok) return ok;
    change.queues_made.push_back(each.queue.name);
  }
  return {};
}

}  // namespace

Result<BrokerChange> follow_record(Tools& tools, const std::string& tenant_id) {
  if (auto ok = tools.connect(); !ok) return ok.error();
  std::optional<tenancy::Tenant> tenant;
  std::vector<BrokerUser> users;
  std::vector<BrokerQueue> queues;
  const auto loaded = tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
    tenant = tenancy::find_tenant(tx, tenant_id);
    users = load_broker_users(tx, tenant_id);
    queues = load_broker_queues(tx, tenant_id);
    return {};
  });
  if (!loaded) return loaded.error();
  BrokerChange change;
  if (!tenant || !tenant->vhost_ready) return change;  // its saga makes what is to be, and takes away what was
  const auto note = [&change](const Result<void>& done) {
    if (!done && !change.error) change.error = done.error();
  };
  note(follow_users(tools, tenant_id, users, is_frozen(tenant->lifecycle.status), change));
  for (const auto& queue : queues) note(follow_queue(tools, tenant_id, queue, change));
  return change;
}

Result<void> set_frozen(Tools& tools, const std::string& tenant_id, bool frozen) {
  if (auto ok = tools.connect(); !ok) return ok;
  std::vector<BrokerUser> users;
  const auto loaded = tools.in_transaction([&](db::Transaction& tx) -> Result<void> {
    users = load_broker_users(tx, tenant_id);
    return {};
  });
  if (!loaded) return loaded;
  for (const auto& user : users) {
    const auto name = events::application_user(tenant_id, user.number);
    if (auto ok = tools.limit_connections(tenant_id, name, frozen); !ok) return ok;
    if (!frozen) continue;
    if (auto ok = tools.admin().close_connections_of(name); !ok) return ok;
  }
  return {};
}

}  // namespace tenantry::provisioning
