#include "shared/broker_admin/broker_admin.h"

#include <nlohmann/json.hpp>
#include <set>

#include "shared/core/bytes.h"
#include "shared/http/client.h"

namespace tenantry::broker_admin {
namespace {

using nlohmann::json;

// Creating a vhost is a transaction over the whole cluster; the server itself waits up to 45 s for it.
constexpr Milliseconds call_timeout{60'000};

// Over HTTP, one call at a time.
class ManagementApi final : public BrokerAdmin {
 public:
  ManagementApi(std::string base, http::Credentials login) : base_(std::move(base)), login_(std::move(login)) {}

  Result<void> ensure_vhost(const std::string& vhost, const std::string& description) override {
    return done("PUT", "vhosts/" + percent_encoded(vhost), {{"description", description}});
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

  Result<void> remove_user(const std::string& user) override {
    return done("DELETE", "users/" + percent_encoded(user), nullptr, true);
  }

  Result<void> set_topic_permission(const std::string& vhost, const std::string& user, const std::string& exchange,
                                    const std::string& write, const std::string& read) override {
    return done("PUT", "topic-permissions/" + percent_encoded(vhost) + "/" + percent_encoded(user),
                {{"exchange", exchange}, {"write", write}, {"read", read}});
  }

  Result<void> set_permission(const std::string& vhost, const events::Permission& permission) override {
    return done("PUT", "permissions/" + percent_encoded(vhost) + "/" + percent_encoded(permission.user),
                {{"configure", permission.configure}, {"write", permission.write}, {"read", permission.read}});
  }

  Result<void> set_vhost_limit(const std::string& vhost, const std::string& limit, int value) override {
    return done("PUT", "vhost-limits/" + percent_encoded(vhost) + "/" + percent_encoded(limit), {{"value", value}});
  }

  Result<void> set_user_limit(const std::string& user, const std::string& limit, int value) override {
    return done("PUT", "user-limits/" + percent_encoded(user) + "/" + percent_encoded(limit), {{"value", value}}, true);
  }

  Result<void> close_connections_of(const std::string& user) override {
    const auto response = call("GET", "connections?columns=name,user", nullptr);
    if (!response) return response.error();
    const auto list = json::parse(response->body, nullptr, false);
    if (!list.is_array())
      return Error{.code = Errc::unavailable, .reason = "broker_refused", .message = "no list of connections"};
    for (const auto& connection : list) {
      if (connection.value("user", "") != user || !connection.contains("name")) continue;
      const auto closed =
          done("DELETE", "connections/" + percent_encoded(connection["name"].get<std::string>()), nullptr, true);
      if (!closed) return closed;
    }
    return {};
  }

  Result<void> import_definitions(const std::string& vhost, const std::string& definitions_json) override {
    const auto definitions = json::parse(definitions_json);
    if (auto ok = done("POST", "definitions/" + percent_encoded(vhost), definitions); !ok) return ok;
    return check_queues(vhost, definitions);
  }

  Result<int> node_count() override {
    const auto response = call("GET", "nodes?columns=name", nullptr);
    if (!response) return response.error();
    const auto list = json::parse(response->body, nullptr, false);
    if (response->status != 200 || !list.is_array()) {
      return Error{.code = Errc::unavailable, .reason = "broker_refused", .message = "no list of nodes"};
    }
    return static_cast<int>(list.size());
  }

 private:
  // A vhost that was made while the broker came up or fell over may be known and not running. It takes an import and
  // makes no queue, and answers 204 all the same.
  Result<void> check_queues(const std::string& vhost, const json& definitions) {
    const auto response = call("GET", "queues/" + percent_encoded(vhost) + "?columns=name", nullptr);
    if (!response) return response.error();
    const auto list = json::parse(response->body, nullptr, false);
    std::set<std::string> there;
    if (response->status == 200 && list.is_array()) {
      for (const auto& queue : list) there.insert(queue.value("name", ""));
    }
    for (const auto& queue : definitions.value("queues", json::array())) {
      const auto name = queue.value("name", "");
      if (there.contains(name)) continue;
      start_where_stopped(vhost);
      return Error{.code = Errc::unavailable,
                   .reason = "broker_refused",
                   .message = "queue " + name + " is not there after it was declared"};
    }
    return {};
  }

  // Best effort: whoever asked for queues asks again.
  void start_where_stopped(const std::string& vhost) {
    const auto response = call("GET", "vhosts/" + percent_encoded(vhost), nullptr);
    if (!response) return;
    const auto state = json::parse(response->body, nullptr, false);
    if (!state.is_object() || !state.contains("cluster_state") || !state["cluster_state"].is_object()) return;
    for (const auto& [node, is] : state["cluster_state"].items()) {
      if (is == "running") continue;
      (void)done("POST", "vhosts/" + percent_encoded(vhost) + "/start/" + percent_encoded(node), json::object());
    }
  }

  Result<http::ClientResponse> call(const char* method, const std::string& path, const json& body) {
    http::ClientRequest request;
    request.method = method;
    request.url = base_ + "/api/" + path;
    request.basic_auth = login_;
    request.timeout = call_timeout;
    if (!body.is_null()) {
      request.body = body.dump();
      request.headers.add("Content-Type", "application/json");
    }
    return client_.perform(request);
  }

  Result<void> done(const char* method, const std::string& path, const json& body, bool absent_is_fine = false) {
    const auto response = call(method, path, body);
    if (!response) return response.error();
    if (response->status >= 200 && response->status < 300) return {};
    if (response->status == 404 && absent_is_fine) return {};
    const auto text = std::string(method) + " " + path + " answered " + std::to_string(response->status) + ": " +
                      response->body.substr(0, 300);
    // A login that is refused is ours, not the tenant's: it is put right in the settings or on the broker. And what is
    // put cannot be missing: 404 is a broker that comes up or goes.
    const bool later =
        response->status >= 500 || response->status == 429 || response->status == 401 || response->status == 404;
    return Error{.code = later ? Errc::unavailable : Errc::invalid, .reason = "broker_refused", .message = text};
  }

  const std::string base_;
  const http::Credentials login_;
  http::HttpClient client_;
};

}  // namespace

Result<std::unique_ptr<BrokerAdmin>> connect(std::string_view url) {
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
  http::Credentials credentials{std::string(login.substr(0, colon)), std::string(login.substr(colon + 1))};
  return std::unique_ptr<BrokerAdmin>(std::make_unique<ManagementApi>(std::move(base), std::move(credentials)));
}

}  // namespace tenantry::broker_admin
