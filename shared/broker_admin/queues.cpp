#include "shared/broker_admin/queues.h"

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "events/topology.h"
#include "shared/broker_admin/login.h"
#include "shared/core/bytes.h"
#include "shared/http/client.h"

namespace tenantry::broker_admin {
namespace {

using nlohmann::json;

// Of a list of all queues RabbitMQ looks through all of them once for each vhost that the login may enter, so that it
// costs vhosts times queues: 450 of them with 3,600 queues took 5 s on two busy cores (ADR 32). A vhost's own list
// costs one look through all queues, the vhosts' totals nothing of the kind.
constexpr const char* columns =
    "vhost,name,messages,messages_ready,messages_unacknowledged,consumers,head_message_timestamp,"
    "message_stats.publish_details.rate,message_stats.deliver_get_details.rate,message_stats.ack_details.rate";
constexpr std::int64_t vhosts_read_max = 100;
constexpr Milliseconds patience{10'000};  // after it no further vhost is read

// A queue that was made since the last statistics has no figures yet.
std::int64_t count_of(const json& queue, const char* name) {
  const auto at = queue.find(name);
  return at != queue.end() && at->is_number_integer() ? at->get<std::int64_t>() : 0;
}

double rate_of(const json& queue, const char* details) {
  const auto stats = queue.find("message_stats");
  if (stats == queue.end() || !stats->is_object()) return 0;
  const auto of = stats->find(details);
  if (of == stats->end() || !of->is_object()) return 0;
  const auto rate = of->find("rate");
  return rate != of->end() && rate->is_number() ? rate->get<double>() : 0;
}

QueueState state_of(const json& queue) {
  QueueState out{.vhost = queue.at("vhost").get<std::string>(),
                 .name = queue.at("name").get<std::string>(),
                 .ready = count_of(queue, "messages_ready"),
                 .unacknowledged = count_of(queue, "messages_unacknowledged"),
                 .consumers = count_of(queue, "consumers"),
                 .publish_rate = rate_of(queue, "publish_details"),
                 .deliver_rate = rate_of(queue, "deliver_get_details"),
                 .ack_rate = rate_of(queue, "ack_details")};
  if (const auto seconds = count_of(queue, "head_message_timestamp"); seconds > 0) {
    out.oldest_at = from_unix_seconds(seconds);
  }
  return out;
}

Error unavailable(std::string why) {
  return {.code = Errc::unavailable, .reason = "broker_unavailable", .message = std::move(why)};
}

struct VhostTotal {
  std::string name;
  std::int64_t messages = 0;  // of all its queues
  bool about = false;         // what is looked for is probably there
};

class Reader {
 public:
  explicit Reader(const Login& login) : login_(login) {}

  Result<std::vector<VhostTotal>> vhosts() {
    const auto body = get("/api/vhosts?columns=name,messages");
    if (!body) return body.error();
    std::vector<VhostTotal> out;
    const auto read = guarded("vhosts", [&] {
      for (const auto& vhost : body->get_ref<const json::array_t&>()) {
        out.push_back({.name = vhost.at("name").get<std::string>(), .messages = count_of(vhost, "messages")});
      }
    });
    if (!read) return read.error();
    return out;
  }

  Result<std::vector<ProcessState>> processes() {
    const auto body = get("/api/vhosts/" + percent_encoded(events::vhost_platform) +
                          "/connections?columns=client_properties.connection_name,peer_host,connected_at");
    if (!body) return body.error();
    std::map<std::pair<std::string, std::string>, ProcessState> found;  // by name and host
    const auto read = guarded("connections", [&] {
      for (const auto& each : body->get_ref<const json::array_t&>()) add_connection(each, found);
    });
    if (!read) return read.error();
    std::vector<ProcessState> out;
    for (auto& [key, process] : found) out.push_back(std::move(process));
    return out;
  }

  // Its deepest queues. Whether it was read: one may have gone meanwhile, or not let this login in yet.
  Result<bool> add_queues_of(const std::string& vhost, std::string_view part, int limit, QueuePage& page) {
    const auto body =
        get("/api/queues/" + percent_encoded(vhost) + "?page=1&page_size=" + std::to_string(limit) +
            "&sort=messages&sort_reverse=true&use_regex=false&name=" + percent_encoded(part) + "&columns=" + columns);
    if (!body && closed_) return false;
    if (!body) return body.error();
    const auto read = guarded("queues", [&] {
      for (const auto& queue : body->at("items")) page.queues.push_back(state_of(queue));
      page.matching += body->at("filtered_count").get<std::int64_t>();
    });
    if (!read) return read.error();
    return true;
  }

 private:
  // A process publishes over a connection of its own, which has a name of two words. Who gives none is nobody of ours.
  static void add_connection(const json& connection,
                             std::map<std::pair<std::string, std::string>, ProcessState>& found) {
    const auto properties = connection.value("client_properties", json::object());
    auto name = properties.is_object() ? properties.value("connection_name", "") : "";
    const bool publishes = name.ends_with(" publisher");
    name = name.substr(0, name.find(' '));
    const auto host = connection.value("peer_host", "");
    if (name.empty() || host.empty()) return;
    const auto since = from_unix_seconds(count_of(connection, "connected_at") / 1000);
    auto& process = found[{name, host}];
    if (process.processes + process.consumers == 0 || since < process.since) process.since = since;
    ++(publishes ? process.processes : process.consumers);
    process.name = name;
    process.host = host;
  }

  Result<json> get(const std::string& path) {
    http::ClientRequest request;
    request.url = login_.base + path;
    request.basic_auth = http::Credentials{login_.user, login_.password};
    const auto response = client_.perform(request);
    closed_ = response && (response->status == 404 || response->status == 401);
    if (!response) return unavailable(response.error().describe());
    if (response->status != 200) return unavailable("GET " + path + " answered " + std::to_string(response->status));
    return json::parse(response->body, nullptr, false);
  }
  static Result<void> guarded(const char* what, const std::function<void()>& read) {
    try {
      read();
    } catch (const json::exception& error) {
      return unavailable(std::string("no list of ") + what + ": " + error.what());
    }
    return {};
  }

  const Login& login_;
  http::HttpClient client_;
  bool closed_ = false;  // to this login, the last that was asked for
};

std::int64_t depth_of(const QueueState& queue) {
  return queue.ready + queue.unacknowledged;
}

// Deepest first, and cut.
void put_in_order(std::vector<QueueState>& queues, std::size_t limit) {
  std::ranges::sort(queues, {}, [](const QueueState& queue) {
    return std::tuple(-depth_of(queue), std::string_view(queue.vhost), std::string_view(queue.name));
  });
  if (queues.size() > limit) queues.erase(queues.begin() + static_cast<std::ptrdiff_t>(limit), queues.end());
}

// Whether queues that have `part` in their names are there, as far as a vhost's name can say: a tenant's queues begin
// with its id, as its vhost ends with it.
bool is_about(const std::string& vhost, std::string_view part) {
  const auto tenant_id = events::tenant_of_vhost(vhost);
  return !part.empty() && !tenant_id.empty() &&
         (tenant_id.find(part) != std::string::npos || part.starts_with(tenant_id + "."));
}

}  // namespace

Result<ProcessPage> connected_processes(std::string_view url, Timestamp now) {
  const auto login = login_of(url);
  if (!login) return login.error();
  auto processes = Reader(*login).processes();
  if (!processes) return processes.error();
  return ProcessPage{.processes = *std::move(processes), .read_at = now};
}

Result<QueuePage> deepest_queues(std::string_view url, std::string_view part, int limit, Timestamp now) {
  const auto login = login_of(url);
  if (!login) return login.error();
  Reader reader(*login);
  auto vhosts = reader.vhosts();
  if (!vhosts) return vhosts.error();
  for (auto& vhost : *vhosts) vhost.about = is_about(vhost.name, part);
  std::ranges::sort(*vhosts, {}, [](const VhostTotal& vhost) {
    return std::tuple(!vhost.about, -vhost.messages, std::string_view(vhost.name));
  });

  QueuePage page{.vhosts = static_cast<std::int64_t>(vhosts->size()), .read_at = now};
  const auto size = static_cast<std::size_t>(limit);
  const auto until = std::chrono::steady_clock::now() + patience;
  for (const auto& vhost : *vhosts) {
    // No queue is deeper than all of its vhost together, and those that follow are no deeper than this one.
    const bool full = page.queues.size() >= size && depth_of(page.queues.back()) >= vhost.messages;
    if (full && vhost.about) continue;
    if (full) break;
    if (page.vhosts_read >= vhosts_read_max || std::chrono::steady_clock::now() >= until) break;
    const auto read = reader.add_queues_of(vhost.name, part, limit, page);
    if (!read) return read.error();
    put_in_order(page.queues, size);
    page.vhosts_read += *read ? 1 : 0;
  }
  return page;
}

}  // namespace tenantry::broker_admin
