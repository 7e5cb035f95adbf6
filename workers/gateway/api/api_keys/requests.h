// API keys as they are asked for. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "shared/core/time.h"
#include "workers/gateway/edge/grants.h"

namespace tenantry::gateway {

struct ApiKeyRequest {
  std::string name;
  std::vector<std::string> permissions;
  std::vector<std::string> networks;
  std::optional<Timestamp> expires_at{};              // nullopt: never, which has to be asked for
  std::optional<std::int64_t> requests_per_minute{};  // of its own
};
Result<ApiKeyRequest> parse_api_key_request(std::string_view body, const Grants& known, Timestamp now);

struct KeyRateRequest {
  std::optional<std::int64_t> requests_per_minute{};  // null: its tenant's
};
Result<KeyRateRequest> parse_key_rate(std::string_view body);

// When the new secret ends; "" is a body, too.
Result<std::optional<Timestamp>> parse_rotation(std::string_view body, Timestamp now);

}  // namespace tenantry::gateway
