// What a tenant has used of what is counted, now: as it sees it, and as super-admins do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "workers/gateway/edge/services.h"

namespace tenantry::gateway {

struct Metric {
  std::string name;
  std::string unit;
  std::string reset;       // monthly, or never
  std::string limit_name;  // "": nothing limits it
  bool hard = false;       // past the limit it is refused; else the tenant is told
};
std::vector<Metric> list_metrics(db::Transaction& tx);

// What is there, and what of the limit is taken.
struct Used {
  double quantity = 0;
  double taken = 0;
};
// What the counters say; of API calls also what this process knows already (`calls`). The transaction's tenant becomes
// the one.
Used used_now(db::Transaction& tx, std::string_view tenant_id, const Metric& metric, Timestamp now, double calls);

// On the loop, whose the meter is.
double calls_known(const Services& services, const std::string& tenant_id);

}  // namespace tenantry::gateway
