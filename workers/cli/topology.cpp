#include <cstdio>
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/amqp/connection.h"
#include "shared/broker_admin/broker_admin.h"
#include "shared/broker_admin/login.h"
#include "shared/db/session.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/cli/progress.h"

namespace tenantry::cli {
namespace {

// A broker user of the platform as its URL names it.
Result<void> ensure_user_of(const Session& session, broker_admin::BrokerAdmin& admin, const std::string& variable,
                            const std::string& expected) {
  const auto url = session.setting(variable);
  if (!url) return url.error();
  const auto parameters = amqp::parse_url(*url);
  if (!parameters) return Error::invalid(variable, "url", parameters.error().message);
  if (parameters->user != expected) return Error::invalid(variable, "user", "must log in as " + expected);
  return admin.ensure_user(parameters->user, parameters->password);
}

// Who sees the queues of the vhosts that it is let into and changes nothing; nullopt where none is set up.
Result<std::optional<broker_admin::Login>> monitor_of(const Session& session) {
  const auto set = session.environment.find("TENANTRY_AMQP_MONITOR_URL");
  if (set == session.environment.end() || set->second.empty()) return std::optional<broker_admin::Login>{};
  auto login = broker_admin::login_of(set->second);
  if (!login) return Error::invalid(set->first, "url", login.error().message);
  return std::optional(*std::move(login));
}

// Of a tenant's vhost, or the platform's.
Result<std::vector<events::Permission>> platform_permissions(const Session& session, std::string_view tenant_id,
                                                             const events::BrokerUsers& users) {
  const auto monitor = monitor_of(session);
  if (!monitor) return monitor.error();
  auto permissions = events::permissions_of(tenant_id, users);
  if (*monitor) permissions.push_back({.user = (*monitor)->user});
  return permissions;
}

// Of one tenant: what this build adds, and what its applications have. The rows are locked meanwhile, so that a login
// that is about to end is not brought back.
Result<void> apply_to_tenant(const Session& session, db::Session& database, broker_admin::BrokerAdmin& broker,
                             const events::BrokerUsers& users, const std::string& queue_type,
                             const std::string& tenant_id) {
  const auto vhost = events::vhost_of(tenant_id);
  const auto usual = platform_permissions(session, tenant_id, users);
  if (!usual) return usual.error();
  auto permissions = *usual;
  db::Session::Transaction tx(database);
  for (const auto row : tx.exec("SELECT number, password_hash FROM provisioning.broker_users WHERE tenant_id = $1 AND "
                                "valid_at IS NOT NULL AND ended IS NULL ORDER BY number FOR UPDATE",
                                {tenant_id})) {
    const auto user = events::application_user(tenant_id, static_cast<int>(row.int64(0)));
    if (auto ok = broker.ensure_user_by_hash(user, std::string(row.text(1))); !ok) return ok;
    if (auto ok = broker.set_topic_permission(vhost, user, events::application_exchange(tenant_id), "^.*$", "^.*$");
        !ok) {
      return ok;
    }
    permissions.push_back(events::application_permission(tenant_id, user));
  }
  std::vector<events::ApplicationQueue> queues;
  for (const auto row : tx.exec("SELECT name, own_events, platform_events, message_ttl_seconds FROM "
                                "provisioning.broker_queues WHERE tenant_id = $1 AND state <> 'ending' FOR UPDATE",
                                {tenant_id})) {
    events::ApplicationQueue queue{
        .name = std::string(row.text(0)), .own_events = row.texts(1), .platform_events = row.texts(2)};
    if (!row.is_null(3)) queue.message_ttl_seconds = static_cast<std::int32_t>(row.int64(3));
    queues.push_back(std::move(queue));
  }
  if (auto ok = broker.set_permissions(vhost, permissions); !ok) return ok;
  if (auto ok = broker.import_definitions(vhost, events::definitions_json(tenant_id, queue_type)); !ok) return ok;
  return broker.import_definitions(vhost, events::application_queues_json(tenant_id, queues, queue_type));
}

// What this build adds (a binding, a worker's queue) reaches tenants that were provisioned before it. Returns how many.
Result<int> apply_to_tenants(const Session& session, broker_admin::BrokerAdmin& broker,
                             const events::BrokerUsers& users, const std::string& queue_type) {
  const auto url = session.setting("TENANTRY_DATABASE_URL");
  if (!url) return url.error();
  db::Session database(*url, "tenantry topology");
  std::vector<std::string> tenants;
  {
    db::Session::Transaction tx(database);
    for (const auto row : tx.exec("SELECT tenant_id FROM platform.tenants WHERE vhost_present ORDER BY tenant_id")) {
      tenants.emplace_back(row.text(0));
    }
  }
  Progress progress(tenants.size(), "tenants");
  for (const auto& tenant_id : tenants) {
    progress.add(1);
    if (auto ok = apply_to_tenant(session, database, broker, users, queue_type, tenant_id); !ok) return ok.error();
  }
  return static_cast<int>(tenants.size());
}

// As provisioning decides for a tenant's queues.
Result<std::string> queue_type_of(const Session& session, broker_admin::BrokerAdmin& broker) {
  const auto set = session.environment.find("TENANTRY_QUEUE_TYPE");
  const std::string wanted = set == session.environment.end() || set->second.empty() ? "auto" : set->second;
  if (wanted == "classic" || wanted == "quorum") return wanted;
  if (wanted != "auto") return Error::invalid("TENANTRY_QUEUE_TYPE", "choice", "must be auto, classic or quorum");
  const auto nodes = broker.node_count();
  if (!nodes) return nodes.error();
  return std::string(*nodes >= 3 ? "quorum" : "classic");
}

// The platform's vhost, users, permissions and queues. Repeatable.
Result<void> apply(Session& session, bool with_tenants) {
  const auto url = session.setting("TENANTRY_AMQP_ADMIN_URL");
  if (!url) return url.error();
  auto admin = broker_admin::connect(*url);
  if (!admin) return admin.error();
  auto& broker = **admin;
  const events::BrokerUsers users;
  if (auto ok = broker.ensure_vhost(std::string(events::vhost_platform), "Tenantry: the platform"); !ok) return ok;
  if (auto ok = ensure_user_of(session, broker, "TENANTRY_AMQP_URL", users.publisher); !ok) return ok;
  if (auto ok = ensure_user_of(session, broker, "TENANTRY_WORKERS_AMQP_URL", users.workers); !ok) return ok;
  if (auto ok = ensure_user_of(session, broker, "TENANTRY_GATEWAY_AMQP_URL", users.gateway); !ok) return ok;
  const auto monitor = monitor_of(session);
  if (!monitor) return monitor.error();
  if (*monitor) {
    if (auto ok = broker.ensure_user((*monitor)->user, (*monitor)->password, "monitoring"); !ok) return ok;
  }
  for (const auto worker : events::workers) {
    if (auto ok = ensure_user_of(session, broker, config::service_amqp_variable(worker), events::worker_user(worker));
        !ok) {
      return ok;
    }
  }
  const auto permissions = platform_permissions(session, events::platform_tenant, users);
  if (!permissions) return permissions.error();
  if (auto ok = broker.set_permissions(std::string(events::vhost_platform), *permissions); !ok) return ok;
  const auto wanted_type = queue_type_of(session, broker);
  if (!wanted_type) return wanted_type.error();
  const auto& queue_type = *wanted_type;
  if (auto ok = broker.import_definitions(std::string(events::vhost_platform),
                                          events::definitions_json(events::platform_tenant, queue_type));
      !ok) {
    return ok;
  }
  if (auto ok = broker.remove_user("guest"); !ok) return ok;  // everybody knows its password
  const auto tenants = with_tenants ? apply_to_tenants(session, broker, users, queue_type) : Result<int>(0);
  if (!tenants) return tenants.error();
  if (session.json) {
    print_json({{"vhost", events::vhost_platform}, {"queue_type", queue_type}, {"tenants", *tenants}});
  } else {
    const auto whose = with_tenants ? "vhost platform and those of " + counted(*tenants, "tenant")
                                    : std::string("vhost platform (--tenants: theirs, too)");
    std::printf("%s: users, permissions, exchanges and %s queues are in place\n", whose.c_str(), queue_type.c_str());
  }
  return {};
}

void show(const Session& session, const std::string& tenant_id) {
  if (session.json) {
    std::printf("%s\n", events::definitions_json(tenant_id, "classic").c_str());
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& binding : events::bindings_of(tenant_id)) {
    rows.push_back({binding.exchange, binding.routing_key, binding.queue});
  }
  std::printf("vhost %s\n", events::vhost_of(tenant_id).c_str());
  print_table({"EXCHANGE", "ROUTING KEY", "QUEUE"}, rows);
}

}  // namespace

void add_topology(Command& app, Session& session) {
  auto* command = app.add_subcommand("topology",
                                     "Exchanges, queues and bindings of a vhost\n\nExamples:\n"
                                     "  tenantry topology show --tenant boulangerie-martin\n"
                                     "  tenantry topology apply");
  command->require_subcommand();
  auto* shown = command->add_subcommand("show", "Print a tenant's topology (with --json: as RabbitMQ definitions)");
  static std::string tenant_id{events::platform_tenant};
  shown->add_option("--tenant", tenant_id, "Which tenant; the platform's own by default");
  shown->callback([&session] { show(session, tenant_id); });
  static bool with_tenants = false;
  auto* applied =
      command->add_subcommand("apply", "Set up vhost \"platform\" with its users; run after `tenantry migrate`");
  applied->add_flag("--tenants", with_tenants, "Also bring every tenant's vhost up to this build");
  applied->callback([&session] {
    if (const auto done = apply(session, with_tenants); !done) session.fail(done.error());
  });
}

}  // namespace tenantry::cli
