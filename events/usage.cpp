#include "events/usage.h"

#include <cmath>

#include "events/proto_time.h"
#include "shared/core/assert.h"
#include "tenantry/events/v1/usage.pb.h"

namespace tenantry::events {
namespace {

constexpr double quantity_max = 1e15;  // sums of these stay exact in a double for those who read JSON
constexpr std::size_t text_max = 255;  // bytes of a key, of a member

// What a row of the database can hold, and an index of it.
bool is_storable(std::string_view text) {
  return text.size() <= text_max && text.find('\0') == text.npos;
}

}  // namespace

Aggregation aggregation_from(std::string_view text) {
  if (text == "sum") return Aggregation::sum;
  if (text == "count") return Aggregation::count;
  if (text == "max") return Aggregation::max;
  if (text == "last") return Aggregation::last;
  TENANTRY_ASSERT(text == "unique");
  return Aggregation::unique;
}

Result<void> check_application_usage(const Metrics& metrics, const v1::UsageRecorded& usage) {
  const auto metric = metrics.find(usage.metric());
  if (metric == metrics.end() || metric->second.open) return {};
  return Error{.code = Errc::refused,
               .reason = "platform_metric",
               .message = "only the platform says how much of " + metric->first + " was used",
               .fields = {{"/data/metric", "platform_metric", "only the platform measures this metric"}}};
}

Result<Usage> read_usage(const Metrics& metrics, const v1::UsageRecorded& usage, const std::string& tenant_id,
                         const Uuid& event_id, Timestamp event_time, Timestamp now) {
  const auto metric = metrics.find(usage.metric());
  if (metric == metrics.end()) {
    return Error::invalid("/data/metric", "unknown_metric", "no metric is called " + usage.metric().substr(0, 64));
  }
  if (!std::isfinite(usage.quantity()) || usage.quantity() < 0 || usage.quantity() > quantity_max) {
    return Error::invalid("/data/quantity", "range", "must be from 0 to 1e15");
  }
  Usage out{.tenant_id = tenant_id, .metric = &metric->second, .quantity = usage.quantity(), .event_id = event_id};
  out.at = usage.has_at() ? from_proto(usage.at()) : event_time;
  const auto* field = usage.has_at() ? "/data/at" : "/time";
  if (out.at > now + std::chrono::hours{1}) return Error::invalid(field, "future", "lies more than an hour ahead");
  if (out.at < timestamp_min) return Error::invalid(field, "range", "lies before 1970");
  out.idempotency_key = usage.idempotency_key();
  if (!is_storable(out.idempotency_key)) {
    return Error::invalid("/data/idempotency_key", "length", "at most 255 bytes, without NUL");
  }
  if (metric->second.aggregation == Aggregation::count) out.quantity = 1;
  if (metric->second.aggregation == Aggregation::unique) {
    const auto member = usage.dimensions().find("member");
    if (member == usage.dimensions().end() || member->second.empty() || !is_storable(member->second)) {
      return Error::invalid("/data/dimensions/member", "required",
                            "a unique metric counts members of 1 to 255 bytes, without NUL");
    }
    out.member = member->second;
    out.quantity = 1;
  }
  return out;
}

}  // namespace tenantry::events
