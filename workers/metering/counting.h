// Counting: what one usage.recorded adds to which metric, and which thresholds a
// counter has crossed. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shared/core/ids.h"
#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::events::v1 {
class UsageRecorded;
}

namespace tenantry::metering {

enum class Aggregation { sum, count, max, last, unique };

struct Metric {
  std::string name;
  Aggregation aggregation = Aggregation::sum;
  bool resets_monthly = true;
  std::string limit_name;  // the plan's column; empty: nothing limits it
};
using Metrics = std::map<std::string, Metric, std::less<>>;

struct Usage {
  std::string tenant_id;
  const Metric* metric = nullptr;
  double quantity = 0;
  Timestamp at{};
  Uuid event_id;
  std::string idempotency_key;  // empty: the event's id is the key
  std::string member;           // of a unique metric
};

// Errc::invalid naming the field: unknown metric, a quantity that is negative or not
// finite, a time more than an hour ahead, a unique metric without dimensions.member.
Result<Usage> read_usage(const Metrics& metrics, const events::v1::UsageRecorded& usage, const std::string& tenant_id,
                         const Uuid& event_id, Timestamp event_time, Timestamp now);

// Percentages that have their own event: thresholds reached, and 101 for "past the limit".
constexpr int percent_exceeded = 101;
std::vector<int> crossings(double quantity, double limit);  // limit < 0: unlimited

}  // namespace tenantry::metering
