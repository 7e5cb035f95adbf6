#include "workers/gateway/api/admin/bulk_acts/requests.h"

#include <nlohmann/json.hpp>

#include "shared/tenancy/slug.h"
#include "workers/gateway/edge/fields.h"

namespace tenantry::gateway {

Result<BulkAct> parse_bulk_act(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return object.error();
  Fields fields(*object);
  BulkAct act;
  const auto name = fields.raw("act", true, 64).empty() ? "" : fields.choice("act", {"suspend", "reactivate"});
  act.trigger = name == "reactivate" ? tenancy::Trigger::reactivate : tenancy::Trigger::suspend;
  act.tenant_ids = fields.texts("tenant_ids", bulk_tenants_max, [](std::string_view id) {
    return tenancy::is_slug(id) ? std::nullopt : std::optional(Fields::Broken{"characters", "must be a tenant's id"});
  });
  if (!fields.has("tenant_ids")) fields.fail("tenant_ids", "required", "is required");
  return fields.finish(std::move(act));
}

Foreseen foresee(const tenancy::LifecycleState& state, tenancy::Trigger trigger, Timestamp now) {
  if (const auto move = tenancy::decide(state, trigger, "admin", now)) return {.becomes = move->to};
  if (trigger == tenancy::Trigger::reactivate) return {.why_not = "not_suspended"};
  return {.why_not = state.status == tenancy::Status::suspended ? "suspended_already" : "not_live"};
}

}  // namespace tenantry::gateway
