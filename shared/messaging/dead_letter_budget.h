// What is kept of the messages that a tenant's applications should not have sent: a flood of them must not fill the
// database. Only of what can never take effect ("invalid", "refused"); what others fail at is kept whole, always.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "shared/core/time.h"
#include "shared/db/connection.h"

namespace tenantry::messaging {

// Of a tenant's letters that wait for a decision.
struct DeadLetterLimits {
  std::int64_t whole_letters = 10'000;
  std::int64_t whole_bytes = 64 << 20;
  std::int64_t letters = 20'000;
};

enum class Keep {
  whole,
  without_body,  // a letter of its own that can only be dropped
  count,         // one more of a letter that counts
};

// Known to a second at best: each lane asks the table once in ten seconds for a tenant, and counts what it adds itself.
// One thread.
class DeadLetterBudget {
 public:
  explicit DeadLetterBudget(DeadLetterLimits limits = {}) : limits_(limits) {}

  Keep admit(db::Transaction& tx, const std::string& tenant_id, std::size_t bytes, Timestamp now);

 private:
  struct Known {
    Timestamp at;
    std::int64_t letters = 0;
    std::int64_t bytes = 0;
  };

  DeadLetterLimits limits_;
  std::map<std::string, Known> known_;
};

}  // namespace tenantry::messaging
