// The broker's objects as data: what a vhost holds, which worker's queue hears of
// which type, and what each broker user may do.
//
// Pure. Provisioning declares a tenant's share of it, `tenantry topology` prints it,
// and each worker's consumer table is checked against it when the worker starts.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
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

// Who publishes what on the platform's behalf. Of a worker: the database admits no other types from it (the policies
// types_of_* of messaging.outbox, which a test holds to this). Patterns are of LIKE: a '%' at the end is everything.
struct Producer {
  std::string_view service;
  std::span<const std::string_view> types;
};
std::span<const Producer> producers();

// What every worker's queue hears, whatever else it consumes: the last event of a
// tenant's queues. Once it is in each worker's inbox, nothing before it is left.
constexpr std::string_view end_of_stream_type = "tenant.stream_closed";

std::string vhost_of(std::string_view tenant_id);              // "tenant-acme"; "platform" for the platform
std::string tenant_of_vhost(std::string_view vhost);           // the reverse; "" where it is neither
std::string events_exchange(std::string_view tenant_id);       // "acme.events"
std::string application_exchange(std::string_view tenant_id);  // "acme.app"
std::string queue_of(std::string_view tenant_id, std::string_view worker);

// Of a worker that hears applications: where the broker puts what expired in its queue, without the expiration. A queue
// of its own, since what dies into a queue that it died in before is dropped (RabbitMQ's "automatic cycle").
std::string expired_queue_of(std::string_view tenant_id, std::string_view worker);
std::span<const std::string_view> workers_of_applications();

// All that a worker consumes of a tenant: its queue, then what expired there.
std::vector<std::string> queues_of(std::string_view tenant_id, std::string_view worker);

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
std::string worker_user(std::string_view worker);  // consumes for one: "tenantry-billing"

// A login of the tenant's own applications: "tenant-acme", and once it was replaced "tenant-acme.2". No tenant's name
// has a dot.
std::string application_user(std::string_view tenant_id, int number = 1);
bool is_application_user(std::string_view tenant_id, std::string_view user);  // any of them

// How long an older login is good beside a newer one that nobody has used.
constexpr std::chrono::seconds application_overlap{3600};
constexpr std::string_view connections_limit = "broker_connections_max";  // as plans name it
constexpr int application_connections_max = 50;  // of one login: enough for its own consumers, not for a storm

// Of the platform's users in the tenant's vhost (platform: in "platform").
std::vector<Permission> permissions_of(std::string_view tenant_id, const BrokerUsers& users);
// Of a login of the tenant's applications, in its vhost.
Permission application_permission(std::string_view tenant_id, std::string user);

// A queue that is full refuses: its publisher hears a nack, and nothing that was confirmed is dropped. An application
// that publishes faster than we handle fills this much of the broker's disk and no more.
constexpr std::int64_t queue_bytes_max = 256L * 1024 * 1024;

// Queues of the tenant's applications, which `/v1/broker/queues` makes. They hear their own events by patterns and the
// platform's by type.
struct ApplicationQueue {
  std::string name{};  // "orders", of "acme.app.orders"
  std::vector<std::string> own_events{};
  std::vector<std::string> platform_events{};
  std::optional<std::int32_t> message_ttl_seconds{};
};
std::string application_queue(std::string_view tenant_id, std::string_view name);
// Which of the platform's events a tenant may hear: its standing, its money, its usage and its data. None that moves
// the platform along, speaks of tries that were refused, or is of people.
std::span<const std::string_view> heard_by_applications();
// Full, such a queue drops its oldest message: refusing new ones would hold up the platform, which publishes to it,
// too.
constexpr std::int64_t application_queue_bytes_max = 64L * 1024 * 1024;

// The vhost's objects in the form of RabbitMQ's POST /api/definitions/{vhost}. `queue_type`: classic or quorum.
std::string definitions_json(std::string_view tenant_id, std::string_view queue_type);
// Those of applications' queues, in the same form.
std::string application_queues_json(std::string_view tenant_id, std::span<const ApplicationQueue> queues,
                                    std::string_view queue_type);

}  // namespace tenantry::events
