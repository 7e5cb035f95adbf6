#include "workers/gateway/api/broker/requests.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {

namespace {

constexpr std::size_t binding_size_max = 255;  // AMQP's of a routing key
constexpr int days_max = 14;

// A topic exchange takes time that grows with the keys' length to the power of the '#'s in a pattern.
constexpr int any_words_max = 2;

bool is_pattern(std::string_view text) {
  if (text.empty() || text.size() > binding_size_max) return false;
  int any_words = 0;
  while (true) {
    const auto dot = text.find('.');
    const auto word = text.substr(0, dot);
    if (word == "#" && ++any_words > any_words_max) return false;
    const bool plain = !word.empty() && std::ranges::all_of(word, [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '_' || c == '-' || c == ':';
    });
    if (!plain && word != "#" && word != "*") return false;
    if (dot == text.npos) return true;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

bool is_broker_queue_name(std::string_view name) {
  constexpr std::size_t size_max = 64;
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= size_max && plain(name.front()) && plain(name.back()) &&
         std::ranges::all_of(name, [&](char c) { return plain(c) || c == '.' || c == '_' || c == '-'; });
}

Result<BrokerQueueRequest> parse_broker_queue(std::string_view body, std::span<const std::string_view> heard) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  BrokerQueueRequest request;
  request.name = fields.raw("name", true, 64);
  if (!request.name.empty() && !is_broker_queue_name(request.name)) {
    fields.fail("name", "queue_name",
                "must be of a-z, 0-9, '.', '_' and '-', and begin and end with one of the first two");
  }
  using Broken = std::optional<Fields::Broken>;
  request.own_events = fields.texts("own_events", broker_bindings_max, [](std::string_view text) -> Broken {
    if (is_pattern(text)) return std::nullopt;
    return Fields::Broken{"pattern",
                          "must be words of letters, digits, '_', '-' and ':' with dots between, or '*' for one, "
                          "or '#' for any number, twice at most"};
  });
  request.platform_events = fields.texts("platform_events", broker_bindings_max, [&](std::string_view text) -> Broken {
    if (std::ranges::find(heard, text) != heard.end()) return std::nullopt;
    return Fields::Broken{"choice", "must be one of the types that GET /v1/broker lists"};
  });
  if (request.own_events.size() + request.platform_events.size() > broker_bindings_max) {
    fields.fail("platform_events", "count", "both lists together must have at most 20 entries");
  }
  if (!object->contains("own_events") && !object->contains("platform_events")) {
    fields.fail("own_events", "required", "one of own_events and platform_events must be given");
  }
  const int ttl = fields.number("message_ttl_seconds", 0, 1, days_max * 86'400);
  if (ttl > 0) request.message_ttl_seconds = ttl;
  return fields.finish(std::move(request));
}

}  // namespace tenantry::gateway
