#include "events/topology.h"

#include <algorithm>
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
    {"provisioning", platform_events, "plan.changed"},
    {"provisioning", platform_events, "tenant.override_set"},
    {"provisioning", platform_events, "tenant.override_removed"},
    {"provisioning", platform_events, "erasure.requested"},
    {"provisioning", platform_events, "tenant.broker_access_rotated"},
    {"provisioning", platform_events, "tenant.broker_queue_created"},
    {"provisioning", platform_events, "tenant.broker_queue_deleted"},
    {"provisioning", platform_events, "provisioning.broker_due"},

    {"billing", platform_events, "tenant.registered"},
    {"billing", platform_events, "trial.started"},
    {"billing", platform_events, "trial.ended"},
    {"billing", platform_events, "payment.succeeded"},
    {"billing", platform_events, "payment.failed"},
    {"billing", platform_events, "payment.refunded"},
    {"billing", platform_events, "payment.disputed"},
    {"billing", platform_events, "payment.dispute_closed"},
    {"billing", platform_events, "checkout.completed"},
    {"billing", platform_events, "invoice.finalized"},
    {"billing", platform_events, "invoice.closed"},
    {"billing", platform_events, "subscription.created"},
    {"billing", platform_events, "subscription.updated"},
    {"billing", platform_events, "subscription.deleted"},
    {"billing", platform_events, "subscription.paused"},
    {"billing", platform_events, "subscription.resumed"},
    {"billing", platform_events, "dunning.due"},
    {"billing", platform_events, "tenant.dunning_terms_set"},
    {"billing", platform_events, "tenant.dunning_terms_removed"},
    {"billing", platform_events, "account.review_requested"},
    {"billing", platform_events, "plan.change_due"},
    {"billing", platform_events, "payment_method.stated"},
    {"billing", platform_events, "payment_method.detached"},
    {"billing", platform_events, "payment_method.expiry_due"},
    {"billing", platform_events, "usage.period_closed"},

    {"metering", platform_events, "usage.recorded"},
    {"metering", application_events, "usage.recorded"},

    {"audit", platform_events, "#"},
    {"audit", application_events, "#"},

    {"notification", platform_events, "signup.address_known"},
    {"notification", platform_events, "trial.started"},
    {"notification", platform_events, "trial.ending"},
    {"notification", platform_events, "tenant.suspended"},
    {"notification", platform_events, "tenant.activated"},
    {"notification", platform_events, "tenant.cancelled"},
    {"notification", platform_events, "payment.overdue"},
    {"notification", platform_events, "payment_method.expiring"},
    {"notification", platform_events, "usage.threshold_reached"},
    {"notification", platform_events, "usage.limit_exceeded"},
    {"notification", platform_events, "invoice.issued"},
    {"notification", platform_events, "api_key.expiring"},
    {"notification", platform_events, "membership.owner_appointed"},
    {"notification", platform_events, "user.email_change_requested"},
    {"notification", platform_events, "user.email_changed"},
    {"notification", platform_events, "user.email_verification_requested"},
    {"notification", platform_events, "user.factor_added"},
    {"notification", platform_events, "user.factor_removed"},
    {"notification", platform_events, "user.factor_reset_requested"},
    {"notification", platform_events, "user.invited"},
    {"notification", platform_events, "user.login_from_new_place"},
    {"notification", platform_events, "user.password_changed"},
    {"notification", platform_events, "user.password_reset_requested"},
    {"notification", platform_events, "user.recovery_code_used"},
    {"notification", platform_events, "user.recovery_codes_created"},
};

constexpr std::string_view by_signup[] = {"signup.rejected", "tenant.registered", "trial.%", "user.invited",
                                          "invitation.expired"};
constexpr std::string_view by_provisioning[] = {
    "provisioning.%", "tenant.provisioned",    "tenant.provisioning_failed", "tenant.deleted",
    "tenant.erased",  "tenant.access_changed", "tenant.stream_closed",       "tenant.broker_access_ended"};
constexpr std::string_view by_billing[] = {
    "tenant.activated", "tenant.suspended", "tenant.cancelled", "tenant.deletion_due", "trial.%", "dunning.due",
    "payment.overdue",  "invoice.issued",   "plan.%",           "payment_method.%"};
constexpr std::string_view by_metering[] = {"usage.threshold_reached", "usage.limit_exceeded", "usage.period_closed"};
constexpr std::string_view by_notification[] = {"notification.%"};
constexpr std::string_view by_gateway[] = {"account.review_requested",
                                           "admin.%",
                                           "api_key.%",
                                           "audit.exported",
                                           "audit.searched",
                                           "checkout.completed",
                                           "client.%",
                                           "dead_letter.%",
                                           "domain.%",
                                           "erasure.requested",
                                           "flag.%",
                                           "invoice.finalized",
                                           "payment.disputed",
                                           "payment.failed",
                                           "payment.refunded",
                                           "payment.succeeded",
                                           "platform.data_read",
                                           "platform.tenant_changed",
                                           "provisioning.requested",
                                           "role.%",
                                           "security.access_refused",
                                           "signup.address_known",
                                           "signup.requested",
                                           "stripe.%",
                                           "subscription.%",
                                           "tenant.activated",
                                           "tenant.broker_access_rotated",
                                           "tenant.broker_queue_%",
                                           "tenant.cancelled",
                                           "tenant.deletion_due",
                                           "tenant.dunning_terms_%",
                                           "tenant.flag_%",
                                           "tenant.hold_%",
                                           "tenant.suspended",
                                           "invitation.%",
                                           "invoice.closed",
                                           "membership.%",
                                           "payment.dispute_closed",
                                           "payment_method.%",
                                           "plan.%",
                                           "session.%",
                                           "settings.changed",
                                           "tenant.override_%",
                                           "usage.recorded",
                                           "user.%"};
constexpr std::string_view by_signer[] = {"audit.tampering_detected"};
constexpr std::string_view by_operator[] = {"audit.month_archived", "platform.data_read", "platform.keys_changed"};
// What any worker says: an event that it refused, a tenant whose standing changed.
constexpr std::string_view by_workers[] = {"security.event_refused", "platform.tenant_changed"};

constexpr Producer all_producers[] = {
    {"signup", by_signup},     {"provisioning", by_provisioning}, {"billing", by_billing},
    {"metering", by_metering}, {"notification", by_notification}, {"gateway", by_gateway},
    {"signer", by_signer},     {"operator", by_operator},         {"any worker", by_workers}};

constexpr std::string_view heard[] = {
    "client.created",          "client.deleted",       "client.updated",        "invoice.issued",
    "payment.failed",          "payment.overdue",      "payment.refunded",      "payment.succeeded",
    "payment_method.expiring", "plan.changed",         "tenant.access_changed", "tenant.activated",
    "tenant.cancelled",        "tenant.suspended",     "trial.ended",           "trial.ending",
    "trial.started",           "usage.limit_exceeded", "usage.period_closed",   "usage.threshold_reached"};

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

nlohmann::json described(const Binding& binding) {
  return {{"source", binding.exchange},
          {"destination", binding.queue},
          {"destination_type", "queue"},
          {"routing_key", binding.routing_key},
          {"arguments", nlohmann::json::object()}};
}

}  // namespace

std::span<const Producer> producers() {
  return all_producers;
}

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
std::string expired_queue_of(std::string_view tenant_id, std::string_view worker) {
  return queue_of(tenant_id, worker) + ".expired";
}
std::span<const std::string_view> workers_of_applications() {
  static const auto those = [] {
    std::vector<std::string_view> out;
    for (const auto& row : table) {
      if (row.stream == application_events && std::ranges::find(out, row.worker) == out.end())
        out.push_back(row.worker);
    }
    return out;
  }();
  return those;
}
std::vector<std::string> queues_of(std::string_view tenant_id, std::string_view worker) {
  std::vector<std::string> out = {queue_of(tenant_id, worker)};
  if (tenant_id != platform_tenant && std::ranges::count(workers_of_applications(), worker) > 0) {
    out.push_back(expired_queue_of(tenant_id, worker));
  }
  return out;
}
std::string worker_user(std::string_view worker) {
  return "tenantry-" + std::string(worker);
}
std::string application_user(std::string_view tenant_id, int number) {
  return "tenant-" + std::string(tenant_id) + (number == 1 ? "" : "." + std::to_string(number));
}
bool is_application_user(std::string_view tenant_id, std::string_view user) {
  constexpr std::string_view prefix = "tenant-";  // application_user(), without a string for each message
  if (!user.starts_with(prefix) || !user.substr(prefix.size()).starts_with(tenant_id)) return false;
  const auto rest = user.substr(prefix.size() + tenant_id.size());
  return rest.empty() || rest.front() == '.';
}

std::span<const std::string_view> heard_by_applications() {
  return heard;
}
std::string application_queue(std::string_view tenant_id, std::string_view name) {
  return application_exchange(tenant_id) + "." + std::string(name);
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
  // The publisher also writes to the default exchange: retries and redrives go straight to one queue.
  std::string publisher_write =
      "^(" + escaped(events_exchange(tenant_id)) + "|" + escaped(application_exchange(tenant_id)) + "|amq\\.default";
  if (tenant_id == platform_tenant) publisher_write += "|" + escaped(exchange_tenant_changes);
  out.push_back({users.publisher, "^$", publisher_write + ")$", "^$"});

  std::string any_worker;
  for (const auto worker : workers) {
    std::string own;
    for (const auto& queue : queues_of(tenant_id, worker)) own += (own.empty() ? "" : "|") + escaped(queue);
    any_worker += (any_worker.empty() ? "" : "|") + own;
    out.push_back({worker_user(worker), "^$", "^$", "^(" + own + ")$"});
  }
  out.push_back({users.workers, "^$", "^$", "^(" + any_worker + ")$"});
  if (tenant_id == platform_tenant) {
    out.push_back({users.gateway, "^$", "^$", "^$"});
    // Every process watches for changes of tenants through a queue of its own, "watch.<random>".
    for (auto& permission : out) {
      if (permission.user == users.publisher) continue;
      permission.configure = "^watch\\..*$";
      permission.write = "^watch\\..*$";
      permission.read += "|^watch\\..*$|" + exactly(exchange_tenant_changes);
    }
  }
  return out;
}

Permission application_permission(std::string_view tenant_id, std::string user) {
  return {.user = std::move(user),
          .write = exactly(application_exchange(tenant_id)),
          .read = "^" + escaped(application_exchange(tenant_id)) + "\\..+$"};
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
    const auto queues = queues_of(tenant_id, worker);
    for (const auto& name : queues) {
      json arguments = {{"x-queue-type", queue_type},
                        {"x-single-active-consumer", true},
                        {"x-max-length-bytes", queue_bytes_max},
                        {"x-overflow", "reject-publish"}};
      // What a publisher lets expire has been confirmed and must be handled all the same
      // (shared/messaging/receive.cpp).
      if (name != queues.back()) {
        arguments["x-dead-letter-exchange"] = "";
        arguments["x-dead-letter-routing-key"] = queues.back();
      }
      out["queues"].push_back({{"name", name}, {"durable", true}, {"auto_delete", false}, {"arguments", arguments}});
    }
  }
  for (const auto& binding : bindings_of(tenant_id)) out["bindings"].push_back(described(binding));
  return out.dump();
}

std::string application_queues_json(std::string_view tenant_id, std::span<const ApplicationQueue> queues,
                                    std::string_view queue_type) {
  using nlohmann::json;
  json out = {{"exchanges", json::array()}, {"queues", json::array()}, {"bindings", json::array()}};
  for (const auto& queue : queues) {
    const auto name = application_queue(tenant_id, queue.name);
    json arguments = {
        {"x-queue-type", queue_type}, {"x-max-length-bytes", application_queue_bytes_max}, {"x-overflow", "drop-head"}};
    if (queue.message_ttl_seconds) arguments["x-message-ttl"] = std::int64_t{*queue.message_ttl_seconds} * 1000;
    out["queues"].push_back({{"name", name}, {"durable", true}, {"auto_delete", false}, {"arguments", arguments}});
    for (const auto& pattern : queue.own_events) {
      out["bindings"].push_back(described({application_exchange(tenant_id), name, pattern}));
    }
    for (const auto& type : queue.platform_events) {
      out["bindings"].push_back(described({events_exchange(tenant_id), name, type}));
    }
  }
  return out.dump();
}

}  // namespace tenantry::events
