#include "workers/provisioning/saga.h"

#include <algorithm>

namespace tenantry::provisioning {

bool waits_for_end(std::string_view release_step) {
  return release_step == "close" || release_step == "drain" || release_step == "drain_expired";
}

Milliseconds retry_after(int attempt, const SagaPolicy& policy) {
  return std::min(policy.retry_base * (1 << std::min(attempt, 16)), policy.retry_cap);
}

Outcome after_run(std::string_view saga, const std::optional<Error>& error, std::string_view failed_step, int attempt,
                  const SagaPolicy& policy) {
  if (!error) return {Next::finished};
  if (waits_for_end(failed_step)) {
    return {Next::retry, std::min(policy.drain_poll * (1 + attempt / 8), policy.retry_cap)};
  }
  const bool hopeless = !is_transient(error->code) || attempt + 1 >= policy.attempts_max;
  if (saga == "provision" && hopeless) return {Next::give_up};
  return {Next::retry, retry_after(attempt, policy)};
}

}  // namespace tenantry::provisioning
