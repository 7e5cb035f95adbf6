#include "workers/gateway/api/admin/stripe_events/requests.h"

#include <nlohmann/json.hpp>

#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {

Result<StripeEventAction> parse_stripe_event_reason(std::string_view body, bool required) {
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  StripeEventAction action;
  action.reason = fields.line("reason", required, note_max);
  return fields.finish(std::move(action));
}

Result<StripeEventAction> parse_stripe_event_assignment(std::string_view body) {
  const auto object = parse_object(body.empty() ? "{}" : body);
  if (!object) return object.error();
  Fields fields(*object);
  StripeEventAction action;
  action.tenant_id = fields.line("tenant_id", true, 64);
  action.reason = fields.line("reason", true, note_max);
  return fields.finish(std::move(action));
}

}  // namespace tenantry::gateway
