#include "shared/broker_admin/broker_admin.h"

#include <nlohmann/json.hpp>

#include "shared/core/bytes.h"
#include "shared/http/client.h"

namespace tenantry::broker_admin {
namespace {

using nlohmann::json;

// Creating a vhost is a transaction over the whole cluster; the server itself waits up to 45 s for it.
constexpr Milliseconds call_timeout{60'000};

std::string escaped(std::string_view segment) {
  static constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  std::string out;
  for (const char c : segment) {
    if (plain.find(c) != plain.npos) {
      out += c;
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      out += "%" + to_hex({&byte, 1});
    }
  }
  return out;
}

}  // namespace

struct BrokerAdmin::State {
  std::string base;
  http::Credentials login;
  http::HttpClient client;

  Result<http::ClientResponse> call(const char* method, const std::string& path, const json& body) {
    http::ClientRequest request;
    request.method = method;
    request.url = base + "/api/" + path;
    request.basic_auth = login;
    request.timeout = call_timeout;
    if (!body.is_null()) {
      request.body = body.dump();
      request.headers.add("Content-Type", "application/json");
    }
    return client.perform(request);
  }

  Result<void> done(const char* method, const std::string& path, const json& body, bool absent_is_fine = false) {
    const auto response = call(method, path, body);
    if (!response) return response.error();
    if (response->status >= 200 && response->status < 300) return {};
    if (response->status == 404 && absent_is_fine) return {};
    const auto text = std::string(method) + " " + path + " answered " + std::to_string(response->status) + ": " +
                      response->body.substr(0, 300);
    // A login that is refused is ours, not the tenant's: it is put right in the settings or on the broker.
    const bool later = response->status >= 500 || response->status == 429 || response->status == 401;
    return Error{.code = later ? Errc::unavailable : Errc::invalid, .reason = "broker_refused", .message = text};
  }
};

BrokerAdmin::BrokerAdmin(std::unique_ptr<State> state) : state_(std::move(state)) {}
BrokerAdmin::~BrokerAdmin() = default;

Result<std::unique_ptr<BrokerAdmin>> BrokerAdmin::connect(std::string_view url) {
  const auto bad = [] {
    return Error::invalid("", "url", "the management API's URL must look like http://user:password@host:15672");
  };
  const auto scheme = url.find("://");
  const auto at = url.rfind('@');
  if (scheme == url.npos || at == url.npos || at < scheme) return bad();
  const auto login = url.substr(scheme + 3, at - scheme - 3);
  const auto colon = login.find(':');
  if (colon == login.npos) return bad();
  auto state = std::make_unique<State>();
  state->base = std::string(url.substr(0, scheme + 3)) + std::string(url.substr(at + 1));
  while (state->base.ends_with('/')) state->base.pop_back();
  state->login = {std::string(login.substr(0, colon)), std::string(login.substr(colon + 1))};
  return std::unique_ptr<BrokerAdmin>(new BrokerAdmin(std::move(state)));
}

Result<void> BrokerAdmin::ensure_vhost(const std::string& vhost, const std::string& description) {
  return state_->done("PUT", "vhosts/" + escaped(vhost), {{"description", description}});
}

Result<void> BrokerAdmin::remove_vhost(const std::string& vhost) {
  return state_->done("DELETE", "vhosts/" + escaped(vhost), nullptr, true);
}

Result<bool> BrokerAdmin::has_vhost(const std::string& vhost) {
  const auto response = state_->call("GET", "vhosts/" + escaped(vhost), nullptr);
  if (!response) return response.error();
  if (response->status == 200) return true;
  if (response->status == 404) return false;
  return Error{.code = Errc::unavailable,
               .reason = "broker_refused",
               .message = "GET vhost answered " + std::to_string(response->status)};
}

Result<void> BrokerAdmin::ensure_user(const std::string& user, const std::string& password, const std::string& tags) {
  return state_->done("PUT", "users/" + escaped(user), {{"password", password}, {"tags", tags}});
}

Result<void> BrokerAdmin::remove_user(const std::string& user) {
  return state_->done("DELETE", "users/" + escaped(user), nullptr, true);
}

Result<void> BrokerAdmin::set_topic_permission(const std::string& vhost, const std::string& user,
                                               const std::string& exchange, const std::string& write,
                                               const std::string& read) {
  return state_->done("PUT", "topic-permissions/" + escaped(vhost) + "/" + escaped(user),
                      {{"exchange", exchange}, {"write", write}, {"read", read}});
}

Result<void> BrokerAdmin::set_permission(const std::string& vhost, const events::Permission& permission) {
  return state_->done("PUT", "permissions/" + escaped(vhost) + "/" + escaped(permission.user),
                      {{"configure", permission.configure}, {"write", permission.write}, {"read", permission.read}});
}

Result<void> BrokerAdmin::set_vhost_limit(const std::string& vhost, const std::string& limit, int value) {
  return state_->done("PUT", "vhost-limits/" + escaped(vhost) + "/" + escaped(limit), {{"value", value}});
}

Result<void> BrokerAdmin::set_user_limit(const std::string& user, const std::string& limit, int value) {
  return state_->done("PUT", "user-limits/" + escaped(user) + "/" + escaped(limit), {{"value", value}}, true);
}

Result<void> BrokerAdmin::close_connections_of(const std::string& user) {
  const auto response = state_->call("GET", "connections?columns=name,user", nullptr);
  if (!response) return response.error();
  const auto list = json::parse(response->body, nullptr, false);
  if (!list.is_array())
    return Error{.code = Errc::unavailable, .reason = "broker_refused", .message = "no list of connections"};
  for (const auto& connection : list) {
    if (connection.value("user", "") != user || !connection.contains("name")) continue;
    const auto closed =
        state_->done("DELETE", "connections/" + escaped(connection["name"].get<std::string>()), nullptr, true);
    if (!closed) return closed;
  }
  return {};
}

Result<void> BrokerAdmin::import_definitions(const std::string& vhost, const std::string& definitions_json) {
  return state_->done("POST", "definitions/" + escaped(vhost), json::parse(definitions_json));
}

Result<int> BrokerAdmin::node_count() {
  const auto response = state_->call("GET", "nodes?columns=name", nullptr);
  if (!response) return response.error();
  const auto list = json::parse(response->body, nullptr, false);
  if (response->status != 200 || !list.is_array()) {
    return Error{.code = Errc::unavailable, .reason = "broker_refused", .message = "no list of nodes"};
  }
  return static_cast<int>(list.size());
}

}  // namespace tenantry::broker_admin
