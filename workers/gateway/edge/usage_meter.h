// UsageMeter: API calls counted in memory, admitted against the month's limit and
// handed over in batches.
//
// Pure; on the loop only. A call holds a place from its admission on, so that calls
// at once do not pass a limit together. Each batch keeps its key until it is stored:
// stored twice, it still counts once.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "shared/core/ids.h"

namespace tenantry::gateway {

class UsageMeter {
 public:
  // `counted`: what the database says of `month`. False: the limit is used up (-1: there is none).
  bool admit(const std::string& tenant_id, std::int64_t limit, double counted, Timestamp month);
  void settle(const std::string& tenant_id, bool counts);

  // What this process knows to be used in `month`, at least `counted`.
  double used(const std::string& tenant_id, double counted, Timestamp month) const;

  struct Batch {
    std::string tenant_id;
    std::int64_t calls = 0;
    std::string key;
    Timestamp at{};
  };
  // What was counted since the last take.
  std::vector<Batch> take(IdGenerator& ids, Timestamp now);

 private:
  struct Tenant {
    Timestamp month{};
    double used = 0;
    std::int64_t in_flight = 0;
    std::int64_t unsent = 0;
  };
  std::unordered_map<std::string, Tenant> tenants_;
};

}  // namespace tenantry::gateway
