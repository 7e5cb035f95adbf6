// The broker's objects as data: what a vhost holds, which worker's queue hears of
// which type, and what each broker user may do.
//
// Pure. Provisioning declares a tenant's share of it, `tenantry topology` prints it,
// and each worker's consumer table is checked against it when the worker starts.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tenantry::events {

constexpr std::string_view platform_tenant = "platform";  // reserved as a slug
constexpr std::string_view vhost_platform = "platform";
constexpr std::string_view exchange_tenant_changes =
    "platform.tenants";  // fanout: what is cached about a tenant is stale

constexpr std::string_view workers[] = {"signup", "provisioning", "billing", "metering", "audit", "notification"};

enum class Stream { platform_events, application_events };  // <t>.events, <t>.app

// Patterns are those of topic exchanges: '#' is everything.
struct Subscription {
  std::string_view worker;
  Stream stream;
  std::string_view pattern;
};
std::span<const Subscription> subscriptions();

// What every worker's queue hears, whatever else it consumes: the last event of a
// tenant's queues. Once it is in each worker's inbox, nothing before it is left.
constexpr std::string_view end_of_stream_type = "tenant.stream_closed";

std::string vhost_of(std::string_view tenant_id);              // "tenant-acme"; "platform" for the platform
std::string tenant_of_vhost(std::string_view vhost);           // the reverse; "" where it is neither
std::string events_exchange(std::string_view tenant_id);       // "acme.events"
std::string application_exchange(std::string_view tenant_id);  // "acme.app"
std::string queue_of(std::string_view tenant_id, std::string_view worker);

struct Binding {
  std::string exchange;
  std::string queue;
  std::string routing_key;
};
std::vector<Binding> bindings_of(std::string_view tenant_id);

// Regular expressions for configure, write and read: anchored, dots escaped.
struct Permission {
  std::string user;
  std::string configure = "^$";
  std::string write = "^$";
  std::string read = "^$";
};

struct BrokerUsers {
  std::string publisher = "tenantry-publisher";  // publishes for the platform; its name is on every event of ours
  std::string workers = "tenantry-workers";      // consumes for all workers hosted in one process
  std::string gateway = "tenantry-gateway";      // of a gateway that runs alone; consumes no tenant's queue
};
std::string worker_user(std::string_view worker);          // consumes for one: "tenantry-billing"
std::string application_user(std::string_view tenant_id);  // the tenant's own: "tenant-acme"

// Of the platform's users and the tenant's own in the tenant's vhost (platform: in "platform").
std::vector<Permission> permissions_of(std::string_view tenant_id, const BrokerUsers& users);

// The vhost's objects in the form of RabbitMQ's POST /api/definitions/{vhost}. `queue_type`: classic or quorum.
std::string definitions_json(std::string_view tenant_id, std::string_view queue_type);

}  // namespace tenantry::events
