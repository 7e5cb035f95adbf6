#include "workers/provisioning/saga.h"

#include <algorithm>

namespace tenantry::provisioning {

Milliseconds retry_after(int attempt, const SagaPolicy& policy) {
  return std::min(policy.retry_base * (1 << std::min(attempt, 16)), policy.retry_cap);
}

Outcome after_run(std::string_view saga, const std::optional<Error>& error, bool waits, int attempt,
                  const SagaPolicy& policy) {
  if (!error) return {Next::finished};
  if (waits) {
    return {Next::retry, std::min(policy.drain_poll * (1 + attempt / 8), policy.retry_cap)};
  }
  const bool hopeless = !is_transient(error->code) || attempt + 1 >= policy.attempts_max;
  if (saga == "provision" && hopeless) return {Next::give_up};
  return {Next::retry, retry_after(attempt, policy)};
}

}  // namespace tenantry::provisioning
