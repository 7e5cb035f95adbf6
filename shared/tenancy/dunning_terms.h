// DunningTerms: on which days a plan, or one tenant, differs from the settings: when it is
// reminded of what it owes, suspended for it and, once cancelled, deleted.
//
// Data of the catalogue and of a tenant, as platform.dunning_of() joins them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::tenancy {

// What is empty is as the settings say.
struct DunningTerms {
  std::optional<std::vector<Days>> remind_on{};  // after the first failure, rising; none: no mail
  std::optional<Days> suspend_on{};              // after the first failure
  std::optional<Days> notice{};                  // at least so long from the first mail to the suspension
  std::optional<Days> grace{};                   // from a cancellation to the deletion
  bool operator==(const DunningTerms&) const = default;
};

constexpr int dunning_days_max = 365;
constexpr int grace_days_max = 3'650;
constexpr std::size_t reminders_max = 20;

// As JSON has them: {"remind_days": [0, 3], "suspend_day": 14, "notice_days": 3, "grace_days": 30}, each of them there
// or not. Error: a field for each that breaks a rule, its pointer below the object.
Result<DunningTerms> parse_dunning_terms(std::string_view json);
// Of terms joined to the plan's: a reminder that would come at the suspension or after it is an error of whoever sets
// it.
Result<void> check_order(const DunningTerms& terms);
std::string written(const DunningTerms& terms);

}  // namespace tenantry::tenancy
