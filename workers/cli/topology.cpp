#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/amqp/connection.h"
#include "shared/broker_admin/broker_admin.h"
#include "shared/db/connection.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"

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

// What this build adds (a binding, a worker's queue) reaches tenants that were provisioned before it. Returns how many.
Result<int> apply_to_tenants(const Session& session, broker_admin::BrokerAdmin& broker,
                             const events::BrokerUsers& users, const char* queue_type) {
  const auto url = session.setting("TENANTRY_DATABASE_URL");
  if (!url) return url.error();
  db::Connection connection(*url, "tenantry topology");
  db::Transaction tx(connection);
  const auto rows = tx.exec("SELECT tenant_id FROM platform.tenants WHERE vhost_present ORDER BY tenant_id");
  for (const auto row : rows) {
    const std::string tenant_id{row.text(0)};
    const auto vhost = events::vhost_of(tenant_id);
    if (auto ok = broker.set_permissions(vhost, events::permissions_of(tenant_id, users)); !ok) return ok.error();
    if (auto ok = broker.import_definitions(vhost, events::definitions_json(tenant_id, queue_type)); !ok) {
      return ok.error();
    }
  }
  return static_cast<int>(rows.size());
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
  for (const auto worker : events::workers) {
    if (auto ok = ensure_user_of(session, broker, config::service_amqp_variable(worker), events::worker_user(worker));
        !ok) {
      return ok;
    }
  }
  if (auto ok = broker.set_permissions(std::string(events::vhost_platform),
                                       events::permissions_of(events::platform_tenant, users));
      !ok) {
    return ok;
  }
  const auto nodes = broker.node_count();
  if (!nodes) return nodes.error();
  const auto queue_type = *nodes >= 3 ? "quorum" : "classic";
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
    std::printf("vhost %s and %d tenants: users, permissions, exchanges and %s queues are in place\n",
                std::string(events::vhost_platform).c_str(), *tenants, queue_type);
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

void add_topology(CLI::App& app, Session& session) {
  auto* command = app.add_subcommand("topology",
                                     "Exchanges, queues and bindings of a vhost\n\nExamples:\n"
                                     "  tenantry topology show --tenant boulangerie-martin\n"
                                     "  tenantry topology apply");
  command->require_subcommand(1);
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
