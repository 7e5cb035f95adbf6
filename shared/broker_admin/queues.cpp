#include "shared/broker_admin/queues.h"

#include <nlohmann/json.hpp>

#include "shared/broker_admin/login.h"
#include "shared/core/bytes.h"
#include "shared/http/client.h"

namespace tenantry::broker_admin {
namespace {

using nlohmann::json;

// RabbitMQ looks through all queues once for each vhost that the login may enter: 450 of them with 3,600 queues take it
// 5 s on two busy cores (ADR 32).
constexpr Milliseconds list_timeout{30'000};
constexpr const char* columns =
    "vhost,name,messages,messages_ready,messages_unacknowledged,consumers,head_message_timestamp";

// A queue that was made since the last statistics has no figures yet.
std::int64_t count_of(const json& queue, const char* name) {
  const auto at = queue.find(name);
  return at != queue.end() && at->is_number_integer() ? at->get<std::int64_t>() : 0;
}

QueueState state_of(const json& queue) {
  QueueState out{.vhost = queue.at("vhost").get<std::string>(),
                 .name = queue.at("name").get<std::string>(),
                 .ready = count_of(queue, "messages_ready"),
                 .unacknowledged = count_of(queue, "messages_unacknowledged"),
                 .consumers = count_of(queue, "consumers")};
  if (const auto seconds = count_of(queue, "head_message_timestamp"); seconds > 0) {
    out.oldest_at = from_unix_seconds(seconds);
  }
  return out;
}

Error unavailable(std::string why) {
  return {.code = Errc::unavailable, .reason = "broker_unavailable", .message = std::move(why)};
}

Result<QueuePage> page_of(const json& body, Timestamp now) {
  QueuePage page{.read_at = now};
  try {
    for (const auto& queue : body.at("items")) page.queues.push_back(state_of(queue));
    page.matching = body.at("filtered_count").get<std::int64_t>();
  } catch (const json::exception& error) {
    return unavailable(std::string("no list of queues: ") + error.what());
  }
  return page;
}

}  // namespace

Result<QueuePage> deepest_queues(std::string_view url, std::string_view part, int limit, Timestamp now) {
  const auto login = login_of(url);
  if (!login) return login.error();
  http::ClientRequest request;
  request.url = login->base + "/api/queues?page=1&page_size=" + std::to_string(limit) +
                "&sort=messages&sort_reverse=true&use_regex=false&name=" + percent_encoded(part) +
                "&columns=" + columns;
  request.basic_auth = http::Credentials{login->user, login->password};
  request.timeout = list_timeout;
  const auto response = http::HttpClient().perform(request);
  if (!response) return unavailable(response.error().describe());
  if (response->status != 200) return unavailable("GET queues answered " + std::to_string(response->status));
  return page_of(json::parse(response->body, nullptr, false), now);
}

}  // namespace tenantry::broker_admin
