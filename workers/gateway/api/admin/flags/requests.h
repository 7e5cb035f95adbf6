// Feature flags, as super-admins define them and give them to a tenant. Pure.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::gateway {

bool is_flag_name(std::string_view text);  // [a-z][a-z0-9_]{0,62}

struct FlagTerms {
  std::string description;
  bool enabled = false;
  std::vector<std::string> plans{};  // empty: every plan
  int percentage = 100;              // of tenants, the same ones as long as it does not fall
  std::optional<Timestamp> expires_at{};
};
Result<FlagTerms> parse_flag_terms(std::string_view body, const std::set<std::string>& plans, Timestamp now);

struct FlagOverride {
  bool value = false;
  std::string reason;
  std::optional<Timestamp> ends_at{};
};
Result<FlagOverride> parse_flag_override(std::string_view body, Timestamp now);
Result<std::string> parse_flag_reason(std::string_view body);

}  // namespace tenantry::gateway
