// Counting: which thresholds a counter has crossed, and which of them anybody is told of. Pure; what one event adds
// is events/usage.h.
#pragma once

#include <vector>

#include "events/usage.h"

namespace tenantry::metering {

using events::Aggregation;
using events::Metric;
using events::Metrics;
using events::Usage;

// Percentages that have their own event: thresholds reached, and 101 for "past the limit".
constexpr int percent_exceeded = 101;
std::vector<int> crossings(double quantity, double limit);  // limit < 0: unlimited

// Whether a crossing in the month that began then is still news. Usage of a month that has been over for a day counts
// in its own windows, and nobody is mailed: it can say what was, not what to do about it, and whoever may publish usage
// could have a mail sent for each month since 1970.
bool is_news(Timestamp month, Timestamp now);

}  // namespace tenantry::metering
