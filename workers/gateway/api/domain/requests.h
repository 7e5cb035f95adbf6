// What a tenant asks for about its own domain. Pure.
#pragma once

#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry::gateway {

// What may be no tenant's: names below the platform's own, and the platform's.
struct OwnDomains {
  std::string_view base_domain;
  std::string_view public_url;
};

// The domain in its ASCII form, without a dot at its end.
Result<std::string> parse_domain(std::string_view body, const OwnDomains& ours);

}  // namespace tenantry::gateway
