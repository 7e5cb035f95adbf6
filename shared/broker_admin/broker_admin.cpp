#include "shared/broker_admin/broker_admin.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shared/broker_admin/login.h"
#include "shared/core/bytes.h"
#include "shared/http/client.h"
#include "shared/telemetry/trace.h"

namespace tenantry::broker_admin {
namespace {

using nlohmann::json;

// Creating a vhost is a transaction over the whole cluster; the server itself waits up to 45 s for it.
constexpr Milliseconds call_timeout{60'000};

// Calls that do not depend on each other are made at once: each is a transaction whose sync to disk RabbitMQ shares
// with those beside it.
constexpr int connections_max = 8;

struct Call {
  const char* method;
  std::string path;
  json body{};
  bool absent_is_fine = false;
};

// Of a path only what it is about: the rest of it names tenants and their users.
std::vector<tracing::Attribute> attributes_of(std::string_view method, std::string_view path, std::size_t calls) {
  return {{"http.request.method", std::string(method)},
          {"url.template", "/api/" + std::string(path.substr(0, path.find('/')))},
          {"tenantry.calls", static_cast<std::int64_t>(calls)}};
}

// Over HTTP.
class ManagementApi final : public BrokerAdmin {
 public:
  ManagementApi(std::string base, http::Credentials login) : base_(std::move(base)), login_(std::move(login)) {}

  Result<void> ensure_vhost(const std::string& vhost, const std::string& description) override {
    const Call put{"PUT", "vhosts/" + percent_encoded(vhost), {{"description", description}}};
    const auto response = call(put.method, put.path, put.body);
    if (!response) return response.error();
    if (auto ok = check(put, *response); !ok) return ok;
    if (response->status == 201) return {};
    const auto half_made = is_half_made(vhost);
    if (!half_made) return half_made.error();
    if (!*half_made) return {};
    if (auto ok = remove_vhost(vhost); !ok) return ok;
    return all_done({put});
  }

  Result<void> remove_vhost(const std::string& vhost) override {
    return done("DELETE", "vhosts/" + percent_encoded(vhost), nullptr, true);
  }

  Result<bool> has_vhost(const std::string& vhost) override {
    const auto response = call("GET", "vhosts/" + percent_encoded(vhost), nullptr);
    if (!response) return response.error();
    if (response->status == 200) return true;
    if (response->status == 404) return false;
    return Error{.code = Errc::unavailable,
                 .reason = "broker_refused",
                 .message = "GET vhost answered " + std::to_string(response->status)};
  }

  Result<void> ensure_user(const std::string& user, const std::string& password, const std::string& tags) override {
    return done("PUT", "users/" + percent_encoded(user), {{"password", password}, {"tags", tags}});
  }

  Result<void> ensure_user_by_hash(const std::string& user, const std::string& password_hash) override {
    return done(
        "PUT", "users/" + percent_encoded(user),
        {{"password_hash", password_hash}, {"hashing_algorithm", "rabbit_password_hashing_sha256"}, {"tags", ""}});
  }

  Result<void> remove_user(const std::string& user) override {
    return done("DELETE", "users/" + percent_encoded(user), nullptr, true);
  }

  Result<void> set_topic_permission(const std::string& vhost, const std::string& user, const std::string& exchange,
                                    const std::string& write, const std::string& read) override {
    return done("PUT", "topic-permissions/" + percent_encoded(vhost) + "/" + percent_encoded(user),
                {{"exchange", exchange}, {"write", write}, {"read", read}});
  }

  Result<void> set_permissions(const std::string& vhost, std::span<const events::Permission> permissions) override {
    std::vector<Call> calls;
    const auto let_in = [&](const events::Permission& each) {
      calls.push_back({"PUT",
                       "permissions/" + percent_encoded(vhost) + "/" + percent_encoded(each.user),
                       {{"configure", each.configure}, {"write", each.write}, {"read", each.read}}});
    };
    // Who declares a vhost's objects needs a permission there, administrator or not. RabbitMQ gives it to a vhost's
    // maker last of all, so that it is missing where the maker was cut off, or was another login.
    let_in({.user = login_.user, .configure = ".*", .write = ".*", .read = ".*"});
    for (const auto& each : permissions) let_in(each);
    return all_done(calls);
  }

  Result<void> set_vhost_limit(const std::string& vhost, const std::string& limit, int value) override {
    return done("PUT", "vhost-limits/" + percent_encoded(vhost) + "/" + percent_encoded(limit), {{"value", value}});
  }

  Result<void> set_user_limit(const std::string& user, const std::string& limit, int value) override {
    return done("PUT", "user-limits/" + percent_encoded(user) + "/" + percent_encoded(limit), {{"value", value}}, true);
  }

  Result<void> close_connections_of(const std::string& user) override {
    // From the broker's own list: that of GET /connections knows no connection younger than its statistics are.
    return done("DELETE", "connections/username/" + percent_encoded(user), nullptr, true);
  }

  // As close_connections_of: from the list that knows each connection at once.
  Result<bool> is_connected(const std::string& user) override {
    const auto path = "connections/username/" + percent_encoded(user);
    const auto response = call("GET", path, nullptr);
    if (!response) return response.error();
    if (response->status == 404) return false;
    const auto list = json::parse(response->body, nullptr, false);
    if (response->status == 200 && list.is_array()) return !list.empty();
    return Error{.code = Errc::unavailable,
                 .reason = "broker_refused",
                 .message = "GET " + path + " answered " + std::to_string(response->status)};
  }

  Result<void> remove_queue(const std::string& vhost, const std::string& queue) override {
    return done("DELETE", "queues/" + percent_encoded(vhost) + "/" + percent_encoded(queue), nullptr, true);
  }

  // Not RabbitMQ's own import: for its bindings alone 3.10 takes 170 ms and 320 ms of CPU, where declaring them one by
  // one takes 60 and 60, and it answers 204 where it made no queue.
  Result<void> import_definitions(const std::string& vhost, const std::string& definitions_json) override {
    const auto definitions = json::parse(definitions_json);
    const auto in = "/" + percent_encoded(vhost) + "/";
    const auto named = [&](const char* kind) {
      std::vector<Call> calls;
      for (auto object : definitions.value(kind, json::array())) {
        const auto name = object.at("name").get<std::string>();
        object.erase("name");
        calls.push_back({"PUT", kind + in + percent_encoded(name), std::move(object)});
      }
      return calls;
    };
    for (const auto* kind : {"exchanges", "queues"}) {
      if (auto ok = all_done(named(kind)); !ok) {
        start_where_stopped(vhost);
        return ok;
      }
    }
    std::vector<Call> bindings;
    for (const auto& each : definitions.value("bindings", json::array())) {
      bindings.push_back(
          {"POST",
           "bindings" + in + "e/" + percent_encoded(each.at("source").get<std::string>()) + "/q/" +
               percent_encoded(each.at("destination").get<std::string>()),
           {{"routing_key", each.at("routing_key")}, {"arguments", each.value("arguments", json::object())}}});
    }
    return all_done(bindings);
  }

  Result<int> node_count() override {
    const auto list = get("nodes?columns=name");
    if (!list) return list.error();
    if (!list->is_array()) {
      return Error{.code = Errc::unavailable, .reason = "broker_refused", .message = "no list of nodes"};
    }
    return static_cast<int>(list->size());
  }

 private:
  // RabbitMQ 3.10 ends a request with its connection. A vhost that was being made when its maker went has some of the
  // exchanges that every vhost is born with, is not running, and answers a second PUT with 204; started, it stays
  // without the default exchange. Nothing is lost with one that has no queues (a stopped one lists them all the same).
  Result<bool> is_half_made(const std::string& vhost) {
    const auto in = percent_encoded(vhost);
    const auto queues = get("queues/" + in + "?columns=name");
    if (!queues) return queues.error();
    if (!queues->is_array() || !queues->empty()) return false;
    const auto state = get("vhosts/" + in);
    if (!state) return state.error();
    if (!runs_everywhere(*state)) return true;
    const auto response = call("GET", "exchanges/" + in + "/amq.default", nullptr);
    if (!response) return response.error();
    return response->status == 404;
  }

  static bool runs_everywhere(const json& vhost) {
    if (!vhost.is_object() || !vhost.contains("cluster_state") || !vhost["cluster_state"].is_object()) return false;
    return std::ranges::all_of(vhost["cluster_state"], [](const json& is) { return is == "running"; });
  }

  // A vhost that was made while the broker came up or fell over may be known and not running: it takes exchanges or
  // refuses them, too, and refuses queues.
  // Best effort: whoever asked for them asks again.
  void start_where_stopped(const std::string& vhost) {
    const auto state = get("vhosts/" + percent_encoded(vhost));
    if (!state || !state->is_object() || !state->contains("cluster_state") || !(*state)["cluster_state"].is_object()) {
      return;
    }
    for (const auto& [node, is] : (*state)["cluster_state"].items()) {
      if (is == "running") continue;
      (void)done("POST", "vhosts/" + percent_encoded(vhost) + "/start/" + percent_encoded(node), json::object());
    }
  }

  http::ClientRequest request(const char* method, const std::string& path, const json& body) const {
    http::ClientRequest out;
    out.method = method;
    out.url = base_ + "/api/" + path;
    out.basic_auth = login_;
    out.timeout = call_timeout;
    if (!body.is_null()) {
      out.body = body.dump();
      out.headers.add("Content-Type", "application/json");
    }
    return out;
  }

  Result<http::ClientResponse> call(const char* method, const std::string& path, const json& body) {
    tracing::ClientCall span("manage broker", attributes_of(method, path, 1));
    auto response = client_.perform(request(method, path, body));
    if (!response) span.failed(to_string(response.error().code));
    return response;
  }

  Result<json> get(const std::string& path) {
    const auto response = call("GET", path, nullptr);
    if (!response) return response.error();
    auto body = json::parse(response->body, nullptr, false);
    if (response->status == 200 && !body.is_discarded()) return body;
    return Error{.code = Errc::unavailable,
                 .reason = "broker_refused",
                 .message = "GET " + path + " answered " + std::to_string(response->status)};
  }

  Result<void> done(const char* method, const std::string& path, const json& body, bool absent_is_fine = false) {
    return all_done({Call{method, path, body, absent_is_fine}});
  }

  // The first of them that failed, after all are over.
  Result<void> all_done(const std::vector<Call>& calls) {
    std::vector<http::ClientRequest> requests;
    requests.reserve(calls.size());
    for (const auto& each : calls) requests.push_back(request(each.method, each.path, each.body));
    std::optional<tracing::ClientCall> span;
    if (!calls.empty()) span.emplace("manage broker", attributes_of(calls[0].method, calls[0].path, calls.size()));
    const auto responses = client_.perform_all(requests, connections_max);
    span.reset();
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (!responses[i]) return responses[i].error();
      if (auto ok = check(calls[i], *responses[i]); !ok) return ok;
    }
    return {};
  }

  static Result<void> check(const Call& call, const http::ClientResponse& response) {
    const auto says = [&](const char* what) { return response.body.find(what) != std::string::npos; };
    if (response.status >= 200 && response.status < 300) return {};
    if (response.status == 404 && call.absent_is_fine) return {};
    // It is there, with other arguments, which cannot be changed.
    if (response.status == 400 && says("inequivalent arg")) return {};
    const auto text = std::string(call.method) + " " + call.path + " answered " + std::to_string(response.status) +
                      ": " + response.body.substr(0, 300);
    // A login that is refused is ours, not the tenant's: it is put right in the settings or on the broker. And what is
    // put cannot be missing: 404 is a broker that comes up or goes, a vhost not found one that is made again. Nor is a
    // queue wrong that it has tried to make.
    const bool later = response.status >= 500 || response.status == 429 || response.status == 401 ||
                       response.status == 404 || says("Cannot declare a queue") || says("vhost_or_user_not_found");
    return Error{.code = later ? Errc::unavailable : Errc::invalid, .reason = "broker_refused", .message = text};
  }

  const std::string base_;
  const http::Credentials login_;
  http::HttpClient client_;
};

}  // namespace

Result<Login> login_of(std::string_view url) {
  const auto bad = [] {
    return Error::invalid("", "url", "the management API's URL must look like http://user:password@host:15672");
  };
  const auto scheme = url.find("://");
  const auto at = url.rfind('@');
  if (scheme == url.npos || at == url.npos || at < scheme) return bad();
  const auto login = url.substr(scheme + 3, at - scheme - 3);
  const auto colon = login.find(':');
  if (colon == login.npos) return bad();
  auto base = std::string(url.substr(0, scheme + 3)) + std::string(url.substr(at + 1));
  while (base.ends_with('/')) base.pop_back();
  return Login{std::move(base), std::string(login.substr(0, colon)), std::string(login.substr(colon + 1))};
}

Result<std::unique_ptr<BrokerAdmin>> connect(std::string_view url) {
  auto login = login_of(url);
  if (!login) return login.error();
  http::Credentials credentials{std::move(login->user), std::move(login->password)};
  return std::unique_ptr<BrokerAdmin>(std::make_unique<ManagementApi>(std::move(login->base), std::move(credentials)));
}

}  // namespace tenantry::broker_admin
