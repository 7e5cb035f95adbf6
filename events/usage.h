// Usage: what one usage.recorded adds to which metric, and what none may say. Pure: the edge refuses by the same rules
// that metering counts by.
#pragma once

#include <map>
#include <string>

#include "shared/core/ids.h"
#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::events {

namespace v1 {
class UsageRecorded;
}

enum class Aggregation { sum, count, max, last, unique };
Aggregation aggregation_from(std::string_view text);  // as metering.metrics has it

// A metric as data defines it (metering.metrics).
struct Metric {
  std::string name;
  Aggregation aggregation = Aggregation::sum;
  bool resets_monthly = true;
  std::string limit_name;  // the plan's column; empty: nothing limits it
  bool open = true;        // applications publish it; false: the platform measures it, and nobody else
};
using Metrics = std::map<std::string, Metric, std::less<>>;

struct Usage {
  std::string tenant_id;
  const Metric* metric = nullptr;
  double quantity = 0;
  Timestamp at{};
  Uuid event_id;
  std::string idempotency_key;  // of this metric; empty: the event's id is the key
  std::string member;           // of a unique metric
};

// Errc::invalid naming the field: unknown metric, a quantity that is negative or not
// finite, a time more than an hour ahead, a unique metric without dimensions.member.
Result<Usage> read_usage(const Metrics& metrics, const v1::UsageRecorded& usage, const std::string& tenant_id,
                         const Uuid& event_id, Timestamp event_time, Timestamp now);

// Errc::refused for a metric that the platform measures itself, said by anybody else: limits and bills go by it.
Result<void> check_application_usage(const Metrics& metrics, const v1::UsageRecorded& usage);

}  // namespace tenantry::events
