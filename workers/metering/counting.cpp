#include "workers/metering/counting.h"

namespace tenantry::metering {

std::vector<int> crossings(double quantity, double limit) {
  std::vector<int> out;
  if (limit < 0) return out;
  if (quantity >= 0.8 * limit) out.push_back(80);
  if (quantity >= limit) out.push_back(100);
  if (quantity > limit) out.push_back(percent_exceeded);
  return out;
}

bool is_news(Timestamp month, Timestamp now) {
  return now < next_month(month) + Days{1};
}

}  // namespace tenantry::metering
