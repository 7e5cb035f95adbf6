// Shard: which tenants a replica serves. Pure.
//
// Rendezvous hashing (Thaler and Ravishankar, 1998): each replica has a score for a
// tenant, and the highest serves it. When a replica is added or removed, only the
// tenants it wins or leaves move.
#pragma once

#include <string_view>

#include "shared/core/result.h"

namespace tenantry::messaging {

struct Shard {
  int index = 0;  // 0 to count - 1
  int count = 1;

  bool serves(std::string_view tenant_id) const;

  // "2/3": the second of three replicas. Errors: invalid.
  static Result<Shard> parse(std::string_view text);
};

}  // namespace tenantry::messaging
