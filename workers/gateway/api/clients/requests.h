// A client as it is asked for. Pure.
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

struct ClientRequest {
  std::string name;
  std::string email;
};
Result<ClientRequest> parse_client(std::string_view body);

// A merge patch (RFC 7396): what is absent stays, null takes an address away.
struct ClientPatch {
  std::optional<std::string> name{};
  std::optional<std::string> email{};
};
Result<ClientPatch> parse_client_patch(std::string_view body);

}  // namespace tenantry::gateway
