// What a super-admin asks for about what a tenant owes: a reason, or terms of its own. Pure.
#pragma once

#include <string>
#include <string_view>

#include "shared/core/result.h"
#include "shared/tenancy/dunning_terms.h"

namespace tenantry::gateway {

struct DunningRequest {
  tenancy::DunningTerms terms;  // at least one of them
  std::string reason;
};
Result<DunningRequest> parse_dunning_request(std::string_view body);

Result<std::string> parse_account_reason(std::string_view body);

}  // namespace tenantry::gateway
