#include "shared/tenancy/because.h"

#include "tenantry/events/v1/tenant.pb.h"

namespace tenantry::tenancy {

events::v1::Because to_proto(const Because& because) {
  events::v1::Because out;
  out.set_rule(because.rule);
  out.set_object_id(because.object_id);
  out.set_stripe_event_id(because.stripe_event_id);
  out.set_beaten_event_id(because.beaten_event_id);
  return out;
}

}  // namespace tenantry::tenancy
