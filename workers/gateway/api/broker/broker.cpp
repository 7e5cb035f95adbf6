// What a tenant's applications need to connect to the broker: logins, and queues of their own.
//
// A request writes what shall be, and an event; provisioning makes the broker so (ADR 19). So an answer may be a moment
// ahead of the broker: it says "pending", and GET says when it is done. A password is made here, shown in one answer,
// and kept nowhere: what is stored is the hash that the broker checks it by.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "events/codec.h"
#include "events/topology.h"
#include "shared/crypto/broker_password.h"
#include "shared/crypto/hash.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "workers/gateway/api/broker/store.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using nlohmann::json;

constexpr std::size_t logins_max = 4;  // at once: older ones that have not ended yet, and the new one
constexpr std::size_t password_bytes = 32;

std::string url_of(const GatewayConfig::Broker& broker, const std::string& login, const std::string& vhost) {
  const bool v6 = broker.host.find(':') != std::string::npos;
  return std::string(broker.tls ? "amqps://" : "amqp://") + login + "@" + (v6 ? "[" + broker.host + "]" : broker.host) +
         ":" + std::to_string(broker.port) + "/" + vhost;
}

// When it ends at the latest, because a newer one is known to the broker.
std::optional<Timestamp> end_of(const store::BrokerLogin& login, const std::vector<store::BrokerLogin>& all) {
  for (const auto& other : all) {
    if (other.number > login.number && other.valid_at) return *other.valid_at + events::application_overlap;
  }
  return std::nullopt;
}

json logins_of(const std::string& tenant_id, const std::vector<store::BrokerLogin>& logins) {
  json out = json::array();
  for (const auto& login : logins) {
    const auto ends_at = end_of(login, logins);
    const char* state = login.ends || ends_at ? "ending" : login.valid_at ? "valid" : "pending";
    out.push_back({{"user", events::application_user(tenant_id, login.number)},
                   {"state", state},
                   {"created_at", to_rfc3339(login.created_at)},
                   {"valid_at", login.valid_at ? json(to_rfc3339(*login.valid_at)) : json(nullptr)},
                   {"ends_at", ends_at ? json(to_rfc3339(*ends_at)) : json(nullptr)}});
  }
  return out;
}

json queue_json(const std::string& tenant_id, const store::StoredBrokerQueue& queue) {
  const auto& asked = queue.request;
  return {{"name", asked.name},
          {"queue", events::application_queue(tenant_id, asked.name)},
          {"own_events", asked.own_events},
          {"platform_events", asked.platform_events},
          {"message_ttl_seconds", asked.message_ttl_seconds ? json(*asked.message_ttl_seconds) : json(nullptr)},
          {"state", queue.state},
          {"created_at", to_rfc3339(queue.created_at)}};
}

json render(const Services& services, const Call& call, const std::vector<store::BrokerLogin>& logins,
            std::size_t queues) {
  const auto& tenant_id = call.tenant_id();
  const auto& place = services.config.public_broker;
  const auto vhost = events::vhost_of(tenant_id);
  const auto user = events::application_user(tenant_id, logins.empty() ? 1 : logins.back().number);
  return {{"url", url_of(place, user, vhost)},
          {"host", place.host},
          {"port", place.port},
          {"tls", place.tls},
          {"vhost", vhost},
          {"exchange", events::application_exchange(tenant_id)},
          {"user", user},
          {"users", logins_of(tenant_id, logins)},
          {"queue_prefix", events::application_queue(tenant_id, "")},
          {"platform_events", events::heard_by_applications()},
          {"limits",
           {{"message_bytes_max", events::body_size_max},
            {"connections_max", tenancy::limit_of(call.tenant->limits, events::connections_limit)},
            {"queues", queues},
            {"queues_max", services.config.broker_queues},
            {"queue_bytes_max", events::application_queue_bytes_max},
            {"bindings_max", broker_bindings_max}}}};
}

Error no_queue() {
  return {.code = Errc::not_found, .reason = "not_found", .message = "There is no such queue."};
}

void read_broker(Services& services, const CallPtr& call) {
  read(services, call, [&services, call](db::Transaction& tx) {
    const auto logins = store::broker_logins(tx, call->tenant_id());
    return json_response(200, render(services, *call, logins, store::broker_queues(tx, call->tenant_id()).size()));
  });
}

void rotate_broker(Services& services, const CallPtr& call) {
  change(services, call, [&services, call](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto& tenant_id = call->tenant_id();
    store::lock_broker(tx, tenant_id);
    const auto logins = store::broker_logins(tx, tenant_id);
    if (logins.empty() || logins.size() >= logins_max) {
      return Error{.code = Errc::conflict,
                   .reason = "rotation_underway",
                   .message = "earlier logins have not ended yet: use the newest, or wait an hour"};
    }
    const auto password = to_base64url(crypto::random_bytes(password_bytes));
    crypto::BrokerSalt salt{};
    std::ranges::copy(crypto::random_bytes(salt.size()), salt.begin());
    const int number = logins.back().number + 1;
    store::add_broker_login(tx, tenant_id, number, crypto::broker_password_hash(password, salt), outbox.now());
    v1::BrokerAccessRotated event;
    event.set_user(events::application_user(tenant_id, number));
    event.set_replaces(events::application_user(tenant_id, logins.back().number));
    outbox.publish(tenant_id, event);
    const auto vhost = events::vhost_of(tenant_id);
    return json_response(201, {{"user", event.user()},
                               {"password", password},
                               {"url", url_of(services.config.public_broker, event.user() + ":" + password, vhost)},
                               {"vhost", vhost},
                               {"exchange", events::application_exchange(tenant_id)},
                               {"state", "pending"},
                               {"replaces", event.replaces()},
                               {"overlap_seconds", events::application_overlap.count()}});
  });
}

void list_queues(Services& services, const CallPtr& call) {
  read(services, call, [&services, call](db::Transaction& tx) {
    json queues = json::array();
    for (const auto& queue : store::broker_queues(tx, call->tenant_id())) {
      queues.push_back(queue_json(call->tenant_id(), queue));
    }
    return json_response(200, {{"queues", std::move(queues)}, {"queues_max", services.config.broker_queues}});
  });
}

auto find_queue(const std::vector<store::StoredBrokerQueue>& queues, const std::string& name) {
  return std::ranges::find(queues, name, [](const store::StoredBrokerQueue& queue) { return queue.request.name; });
}

// Asked for again as it is, it is there.
Result<http::Response> known_queue(const std::string& tenant_id, const store::StoredBrokerQueue& known,
                                   const BrokerQueueRequest& request) {
  if (known.state == "ending") {
    return Error{.code = Errc::conflict, .reason = "queue_ending", .message = "a queue of this name is being removed"};
  }
  if (known.request == request) return json_response(200, queue_json(tenant_id, known));
  return Error{.code = Errc::conflict,
               .reason = "queue_exists",
               .message = "there is a queue of this name that hears other events"};
}

void create_queue(Services& services, const CallPtr& call) {
  change(services, call, parse_broker_queue(call->request().body, events::heard_by_applications()),
         [&services, call](const BrokerQueueRequest& request, db::Transaction& tx,
                           messaging::Outbox& outbox) -> Result<http::Response> {
           const auto& tenant_id = call->tenant_id();
           store::lock_broker(tx, tenant_id);
           const auto queues = store::broker_queues(tx, tenant_id);
           const auto known = find_queue(queues, request.name);
           if (known != queues.end()) return known_queue(tenant_id, *known, request);
           if (std::cmp_greater_equal(queues.size(), services.config.broker_queues)) {
             return Error{.code = Errc::conflict,
                          .reason = "queues_max",
                          .message = "there are as many queues as a tenant may have"};
           }
           store::add_broker_queue(tx, tenant_id, request, outbox.now());
           v1::BrokerQueueCreated event;
           event.set_queue(events::application_queue(tenant_id, request.name));
           for (const auto& pattern : request.own_events) event.add_own_events(pattern);
           for (const auto& type : request.platform_events) event.add_platform_events(type);
           event.set_message_ttl_seconds(request.message_ttl_seconds.value_or(0));
           outbox.publish(tenant_id, event);
           return json_response(201, queue_json(tenant_id, {request, "pending", outbox.now()}));
         });
}

void delete_queue(Services& services, const CallPtr& call) {
  const auto name = std::string(call->path.at("name"));
  if (!is_broker_queue_name(name)) return services.refuse(call, no_queue());
  change(services, call, [call, name](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
    const auto& tenant_id = call->tenant_id();
    store::lock_broker(tx, tenant_id);
    const auto queues = store::broker_queues(tx, tenant_id);
    const auto known = find_queue(queues, name);
    if (known == queues.end()) return no_queue();
    if (known->state != "ending") {
      store::end_broker_queue(tx, tenant_id, name);
      v1::BrokerQueueDeleted event;
      event.set_queue(events::application_queue(tenant_id, name));
      outbox.publish(tenant_id, event);
    }
    return http::Response{.status = 204};
  });
}

}  // namespace

namespace api {
Routes broker() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/broker", "broker", Guard::live, read_broker, {.permission = "broker:read"}},
      {Method::post,
       "/v1/broker/rotate",
       "rotateBroker",
       Guard::live,
       rotate_broker,
       {.permission = "broker:rotate", .recent = true}},
      {Method::get, "/v1/broker/queues", "listBrokerQueues", Guard::live, list_queues, {.permission = "broker:read"}},
      {Method::post,
       "/v1/broker/queues",
       "createBrokerQueue",
       Guard::live,
       create_queue,
       {.permission = "broker:manage"}},
      {Method::delete_,
       "/v1/broker/queues/{name}",
       "deleteBrokerQueue",
       Guard::live,
       delete_queue,
       {.permission = "broker:manage"}},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
