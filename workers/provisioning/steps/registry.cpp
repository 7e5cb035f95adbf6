#include <algorithm>
#include <ranges>

#include "workers/provisioning/steps/standard.h"
#include "workers/provisioning/steps/step.h"

namespace tenantry::provisioning {

Registry standard_registry() {
  return {.made = {broker_vhost(), broker_application_user(), broker_permissions(), broker_limits(), broker_topology(),
                   data_store()},
          .before_release = {close_stream(), drain(), drain_expired(), final_backup()},
          .after_release = {memberships()}};
}

std::vector<const Step*> Registry::steps_of(std::string_view saga) const {
  std::vector<const Step*> out;
  if (saga != "release") {
    for (const auto& step : made) out.push_back(&step);
    return out;
  }
  for (const auto& step : before_release) out.push_back(&step);
  for (const auto& step : made | std::views::reverse) {
    if (step.remove) out.push_back(&step);
  }
  for (const auto& step : after_release) out.push_back(&step);
  return out;
}

const Step* Registry::find(std::string_view saga, std::string_view step) const {
  const auto steps = steps_of(saga);
  const auto found = std::ranges::find(steps, step, &Step::name);
  return found == steps.end() ? nullptr : *found;
}

}  // namespace tenantry::provisioning
