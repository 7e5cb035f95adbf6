// A queue as an application asks for it. Pure.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::gateway {

// A queue for the tenant's applications. `heard`: the platform's events that it may hear.
struct BrokerQueueRequest {
  std::string name;
  std::vector<std::string> own_events;       // patterns of a topic exchange, sorted
  std::vector<std::string> platform_events;  // types, sorted
  std::optional<int> message_ttl_seconds;
  bool operator==(const BrokerQueueRequest&) const = default;
};
constexpr int broker_bindings_max = 20;  // of a queue
Result<BrokerQueueRequest> parse_broker_queue(std::string_view body, std::span<const std::string_view> heard);
bool is_broker_queue_name(std::string_view name);

}  // namespace tenantry::gateway
