// What super-admins want done with dead letters. Pure.
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

// What a super-admin wants done with dead letters: the ids, or all that match, up to a number.
struct DeadLetterAction {
  std::vector<std::string> ids;
  std::string tenant_id, worker, type, reason, state, error_shape;
  std::optional<Timestamp> since, until;
  bool all = false;  // said by who names neither ids nor a filter
  bool dry_run = false;
  int letters_max = 100;
  int per_second = 0;  // 0: at once
  std::string note;
};
// Errc::invalid where neither ids, a filter nor `all` says which.
Result<DeadLetterAction> parse_dead_letter_action(std::string_view body);
Result<std::string> parse_note(std::string_view body);  // "" is a body, too

}  // namespace tenantry::gateway
