#include "events/topology.h"

#include <nlohmann/json.hpp>

namespace tenantry::events {
namespace {

constexpr auto platform_events = Stream::platform_events;
constexpr auto application_events = Stream::application_events;

constexpr Subscription table[] = {
    {"signup", platform_events, "signup.requested"},
    {"signup", platform_events, "tenant.provisioned"},

    {"provisioning", platform_events, "tenant.registered"},
    {"provisioning", platform_events, "provisioning.requested"},
    {"provisioning", platform_events, "provisioning.step_due"},
    {"provisioning", platform_events, "tenant.suspended"},
    {"provisioning", platform_events, "tenant.activated"},
    {"provisioning", platform_events, "tenant.cancelled"},
    {"provisioning", platform_events, "tenant.deletion_due"},
    {"provisioning", platform_events, "erasure.requested"},

    {"billing", platform_events, "tenant.registered"},
    {"billing", platform_events, "trial.started"},
    {"billing", platform_events, "trial.ended"},
    {"billing", platform_events, "payment.succeeded"},
    {"billing", platform_events, "payment.failed"},
    {"billing", platform_events, "payment.refunded"},
    {"billing", platform_events, "payment.disputed"},
    {"billing", platform_events, "checkout.completed"},
    {"billing", platform_events, "invoice.finalized"},
    {"billing", platform_events, "subscription.created"},
    {"billing", platform_events, "subscription.updated"},
    {"billing", platform_events, "subscription.deleted"},
    {"billing", platform_events, "subscription.paused"},
    {"billing", platform_events, "subscription.resumed"},
    {"billing", platform_events, "dunning.due"},
    {"billing", platform_events, "usage.period_closed"},

    {"metering", platform_events, "usage.recorded"},
    {"metering", application_events, "usage.recorded"},

    {"audit", platform_events, "#"},
    {"audit", application_events, "#"},

    {"notification", platform_events, "trial.started"},
    {"notification", platform_events, "trial.ending"},
    {"notification", platform_events, "tenant.suspended"},
    {"notification", platform_events, "tenant.activated"},
    {"notification", platform_events, "tenant.cancelled"},
    {"notification", platform_events, "payment.overdue"},
    {"notification", platform_events, "usage.threshold_reached"},
    {"notification", platform_events, "usage.limit_exceeded"},
    {"notification", platform_events, "invoice.issued"},
};

std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '.') out += '\\';
    out += c;
  }
  return out;
}

std::string exactly(std::string_view name) {
  return "^" + escaped(name) + "$";
}

}  // namespace

std::span<const Subscription> subscriptions() {
  return table;
}

std::string vhost_of(std::string_view tenant_id) {
  return tenant_id == platform_tenant ? std::string(vhost_platform) : "tenant-" + std::string(tenant_id);
}

std::string tenant_of_vhost(std::string_view vhost) {
  if (vhost == vhost_platform) return std::string(platform_tenant);
  if (vhost.starts_with("tenant-")) return std::string(vhost.substr(7));
  return {};
}

std::string events_exchange(std::string_view tenant_id) {
  return std::string(tenant_id) + ".events";
}
std::string application_exchange(std::string_view tenant_id) {
  return std::string(tenant_id) + ".app";
}
std::string queue_of(std::string_view tenant_id, std::string_view worker) {
  return std::string(tenant_id) + "." + std::string(worker);
}
std::string worker_user(std::string_view worker) {
  return "tenantry-" + std::string(worker);
}
std::string application_user(std::string_view tenant_id) {
  return "tenant-" + std::string(tenant_id);
}

std::vector<Binding> bindings_of(std::string_view tenant_id) {
  std::vector<Binding> out;
  for (const auto& row : table) {
    if (row.stream == application_events && tenant_id == platform_tenant) continue;
    const auto exchange = row.stream == platform_events ? events_exchange(tenant_id) : application_exchange(tenant_id);
    out.push_back({exchange, queue_of(tenant_id, row.worker), std::string(row.pattern)});
  }
  for (const auto worker : workers) {
    Binding last{events_exchange(tenant_id), queue_of(tenant_id, worker), std::string(end_of_stream_type)};
    const auto known = [&](const Binding& binding) {
      return binding.exchange == last.exchange && binding.queue == last.queue &&
             binding.routing_key == last.routing_key;
    };
    if (std::none_of(out.begin(), out.end(), known)) out.push_back(std::move(last));
  }
  return out;
}

std::vector<Permission> permissions_of(std::string_view tenant_id, const BrokerUsers& users) {
  std::vector<Permission> out;
  const std::string tenant = escaped(tenant_id);
  // The publisher also writes to the default exchange: retries and redrives go straight to one queue.
  std::string publisher_write =
      "^(" + escaped(events_exchange(tenant_id)) + "|" + escaped(application_exchange(tenant_id)) + "|amq\\.default";
  if (tenant_id == platform_tenant) publisher_write += "|" + escaped(exchange_tenant_changes);
  out.push_back({users.publisher, "^$", publisher_write + ")$", "^$"});

  std::string any_worker;
  for (const auto worker : workers) {
    any_worker += (any_worker.empty() ? "" : "|") + std::string(worker);
    out.push_back({worker_user(worker), "^$", "^$", exactly(queue_of(tenant_id, worker))});
  }
  out.push_back({users.workers, "^$", "^$", "^" + tenant + "\\.(" + any_worker + ")$"});
  if (tenant_id == platform_tenant) {
    out.push_back({users.gateway, "^$", "^$", "^$"});
    // Every process watches for changes of tenants through a queue of its own, "watch.<random>".
    for (auto& permission : out) {
      if (permission.user == users.publisher) continue;
      permission.configure = "^watch\\..*$";
      permission.write = "^watch\\..*$";
      permission.read += "|^watch\\..*$|" + exactly(exchange_tenant_changes);
    }
  } else {
    out.push_back(
        {application_user(tenant_id), "^$", exactly(application_exchange(tenant_id)), "^" + tenant + "\\.app\\..+$"});
  }
  return out;
}

std::string definitions_json(std::string_view tenant_id, std::string_view queue_type) {
  using nlohmann::json;
  json out = {{"exchanges", json::array()}, {"queues", json::array()}, {"bindings", json::array()}};
  const auto add_exchange = [&](const std::string& name, const char* type) {
    out["exchanges"].push_back({{"name", name},
                                {"type", type},
                                {"durable", true},
                                {"auto_delete", false},
                                {"internal", false},
                                {"arguments", json::object()}});
  };
  add_exchange(events_exchange(tenant_id), "topic");
  if (tenant_id == platform_tenant) {
    add_exchange(std::string(exchange_tenant_changes), "fanout");
  } else {
    add_exchange(application_exchange(tenant_id), "topic");
  }
  for (const auto worker : workers) {
    out["queues"].push_back({{"name", queue_of(tenant_id, worker)},
                             {"durable", true},
                             {"auto_delete", false},
                             {"arguments", {{"x-queue-type", queue_type}, {"x-single-active-consumer", true}}}});
  }
  for (const auto& binding : bindings_of(tenant_id)) {
    out["bindings"].push_back({{"source", binding.exchange},
                               {"destination", binding.queue},
                               {"destination_type", "queue"},
                               {"routing_key", binding.routing_key},
                               {"arguments", json::object()}});
  }
  return out.dump();
}

}  // namespace tenantry::events
