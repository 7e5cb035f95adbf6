#include "workers/metering/counting.h"

#include <cmath>

#include "events/proto_time.h"
#include "tenantry/events/v1/usage.pb.h"

namespace tenantry::metering {
namespace {

constexpr double quantity_max = 1e15;  // sums of these stay exact in a double for those who read JSON

}  // namespace

Result<Usage> read_usage(const Metrics& metrics, const events::v1::UsageRecorded& usage, const std::string& tenant_id,
                         const Uuid& event_id, Timestamp event_time, Timestamp now) {
  const auto metric = metrics.find(usage.metric());
  if (metric == metrics.end()) {
    return Error::invalid("/data/metric", "unknown_metric", "no metric is called " + usage.metric());
  }
  if (!std::isfinite(usage.quantity()) || usage.quantity() < 0 || usage.quantity() > quantity_max) {
    return Error::invalid("/data/quantity", "range", "must be from 0 to 1e15");
  }
  Usage out{.tenant_id = tenant_id, .metric = &metric->second, .quantity = usage.quantity(), .event_id = event_id};
  out.at = usage.has_at() ? events::from_proto(usage.at()) : event_time;
  if (out.at > now + std::chrono::hours{1}) return Error::invalid("/data/at", "future", "lies more than an hour ahead");
  if (out.at < Timestamp{}) return Error::invalid("/data/at", "range", "lies before 1970");
  out.idempotency_key = usage.idempotency_key();
  if (out.idempotency_key.size() > 255) return Error::invalid("/data/idempotency_key", "length", "at most 255 bytes");
  if (metric->second.aggregation == Aggregation::count) out.quantity = 1;
  if (metric->second.aggregation == Aggregation::unique) {
    const auto member = usage.dimensions().find("member");
    if (member == usage.dimensions().end() || member->second.empty() || member->second.size() > 255) {
      return Error::invalid("/data/dimensions/member", "required", "a unique metric counts members of 1 to 255 bytes");
    }
    out.member = member->second;
    out.quantity = 1;
  }
  return out;
}

std::vector<int> crossings(double quantity, double limit) {
  std::vector<int> out;
  if (limit < 0) return out;
  if (quantity >= 0.8 * limit) out.push_back(80);
  if (quantity >= limit) out.push_back(100);
  if (quantity > limit) out.push_back(percent_exceeded);
  return out;
}

}  // namespace tenantry::metering
