// Billing's settings, read whole at start.
#pragma once

#include <string>

#include "shared/config/config.h"
#include "shared/tenancy/transition.h"
#include "workers/billing/dunning.h"

namespace tenantry::billing {

struct BillingConfig {
  std::string database_url;
  DunningPolicy dunning{};
  tenancy::LifecyclePolicy lifecycle{};
};

// What is wrong is for `reader.finish()` to tell.
BillingConfig read_billing_config(config::Reader& reader);

}  // namespace tenantry::billing
