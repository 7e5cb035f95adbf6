// The queues of all vhosts in one list: what waits where, since when, who reads it, and what of it was set aside; and
// which processes there are to read it.
//
// The broker is asked by who looks, at most every ten seconds for the same: it makes its lists anew each time.
#include <map>
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/broker_admin/queues.h"
#include "shared/db/connection.h"
#include "workers/gateway/edge/content.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using broker_admin::ProcessPage;
using broker_admin::QueuePage;
using broker_admin::QueueState;
using nlohmann::json;
using SharedQueuePage = std::shared_ptr<const QueuePage>;
using SharedProcessPage = std::shared_ptr<const ProcessPage>;

constexpr std::size_t queue_part_max = 200;  // no queue's name is longer

// Whose queue it is, by its vhost and its name: `<tenant_id>.<worker>` is a worker's, another an application's.
struct QueueOwner {
  std::string tenant_id{};  // "": nobody's
  std::string worker{};     // "": no worker's
};
QueueOwner queue_owner(const QueueState& queue) {
  QueueOwner owner{.tenant_id = events::tenant_of_vhost(queue.vhost)};
  for (const auto worker : events::workers) {
    if (!owner.tenant_id.empty() && queue.name == events::queue_of(owner.tenant_id, worker)) owner.worker = worker;
  }
  return owner;
}

using Letters = std::map<std::pair<std::string, std::string>, std::int64_t>;  // by tenant and worker
Letters dead_letters_beside(db::Transaction& tx, const std::vector<QueueOwner>& owners) {
  std::vector<std::string> tenants;
  for (const auto& owner : owners) tenants.push_back(owner.tenant_id);
  Letters out;
  for (const auto row :
       tx.exec("SELECT tenant_id, worker, count(*) FROM messaging.dead_letters WHERE state = 'waiting' "
               "AND tenant_id = ANY ($1) GROUP BY tenant_id, worker",
               {db::Param::array(tenants)})) {
    out[{std::string(row.text(0)), std::string(row.text(1))}] = row.int64(2);
  }
  return out;
}

json queues_answer(db::Transaction& tx, const QueuePage& page) {
  std::vector<QueueOwner> owners;
  for (const auto& queue : page.queues) owners.push_back(queue_owner(queue));
  const auto letters = dead_letters_beside(tx, owners);
  json list = json::array();
  for (std::size_t i = 0; i < page.queues.size(); ++i) {
    const auto& queue = page.queues[i];
    const auto& owner = owners[i];
    const auto letter = letters.find({owner.tenant_id, owner.worker});
    list.push_back({{"vhost", queue.vhost},
                    {"queue", queue.name},
                    {"tenant_id", owner.tenant_id},
                    {"worker", owner.worker},
                    {"ready", queue.ready},
                    {"unacknowledged", queue.unacknowledged},
                    {"consumers", queue.consumers},
                    {"publish_rate", queue.publish_rate},
                    {"deliver_rate", queue.deliver_rate},
                    {"ack_rate", queue.ack_rate},
                    {"oldest_at", instant(queue.oldest_at)},
                    {"dead_letters", letter == letters.end() ? 0 : letter->second}});
  }
  return {{"queues", std::move(list)},
          {"matching", page.matching},
          {"vhosts", page.vhosts},
          {"vhosts_read", page.vhosts_read},
          {"at", to_rfc3339(page.read_at)}};
}

Result<SharedQueuePage> read_queue_page(Services& services, const std::string& part, int limit,
                                        const std::string& key) {
  auto read = broker_admin::deepest_queues(services.config.broker_monitor_url, part, limit, services.clock.now());
  if (!read) return read.error();
  auto page = std::make_shared<const QueuePage>(*std::move(read));
  services.loop.post([&services, key, page] { services.caches.queues.put(key, page, services.monotonic()); });
  return SharedQueuePage(std::move(page));
}

Error queues_not_watched() {
  return Error::conflict("queues_not_watched",
                         "TENANTRY_AMQP_MONITOR_URL is not set: nobody here sees the broker's queues");
}

void list_all_queues(Services& services, const CallPtr& call) {
  const auto limit = page_limit(call->request());
  if (!limit) return services.refuse(call, limit.error());
  const auto part = query(*call, "q");
  if (part.size() > queue_part_max || has_control(part)) {
    return services.refuse(call, Error::invalid("/q", "characters", "must be part of a queue's name"));
  }
  if (services.config.broker_monitor_url.empty()) {
    return services.refuse(call, queues_not_watched());
  }
  const auto key = std::to_string(*limit) + "/" + part;
  const auto found = services.caches.queues.find(key, services.monotonic());
  services.on_search_lane(
      call,
      [&services, call, part, limit = *limit, key, page = found.value == nullptr ? SharedQueuePage{} : *found.value](
          db::Connection& lane) -> Result<http::Response> {
        const auto read = page ? Result<SharedQueuePage>(page) : read_queue_page(services, part, limit, key);
        if (!read) return read.error();
        json answer;
        const auto done = services.commit(lane, *call, call->caller(),
                                          [&](db::Transaction& tx, messaging::Outbox& outbox) -> Result<void> {
                                            tell_read(outbox, events::platform_tenant, "queues");
                                            answer = queues_answer(tx, **read);
                                            return {};
                                          });
        if (!done) return done.error();
        return json_response(200, answer);
      });
}

// ---- processes

Result<SharedProcessPage> read_process_page(Services& services) {
  auto read = broker_admin::connected_processes(services.config.broker_monitor_url, services.clock.now());
  if (!read) return read.error();
  auto page = std::make_shared<const ProcessPage>(*std::move(read));
  services.loop.post([&services, page] { services.caches.processes.put("", page, services.monotonic()); });
  return SharedProcessPage(std::move(page));
}

json processes_answer(const ProcessPage& page) {
  json list = json::array();
  for (const auto& process : page.processes) {
    list.push_back({{"name", process.name},
                    {"host", process.host},
                    {"processes", process.processes},
                    {"consumers", process.consumers},
                    {"since", to_rfc3339(process.since)}});
  }
  return {{"processes", std::move(list)}, {"at", to_rfc3339(page.read_at)}};
}

void list_processes(Services& services, const CallPtr& call) {
  if (services.config.broker_monitor_url.empty()) return services.refuse(call, queues_not_watched());
  const auto found = services.caches.processes.find("", services.monotonic());
  services.on_search_lane(call,
                          [&services, call, page = found.value == nullptr ? SharedProcessPage{} : *found.value](
                              db::Connection& lane) -> Result<http::Response> {
                            const auto read = page ? Result<SharedProcessPage>(page) : read_process_page(services);
                            if (!read) return read.error();
                            const auto done =
                                services.commit(lane, *call, call->caller(),
                                                [](db::Transaction&, messaging::Outbox& outbox) -> Result<void> {
                                                  tell_read(outbox, events::platform_tenant, "processes");
                                                  return {};
                                                });
                            if (!done) return done.error();
                            return json_response(200, processes_answer(**read));
                          });
}

}  // namespace

namespace api {
Routes admin_queues() {
  static constexpr Route routes[] = {
      {Method::get, "/v1/admin/queues", "adminListQueues", Guard::admin, list_all_queues},
      {Method::get, "/v1/admin/processes", "adminListProcesses", Guard::admin, list_processes},
  };
  return routes;
}
}  // namespace api

}  // namespace tenantry::gateway
