#include "workers/gateway/api/auth/ended.h"

#include <map>

#include "tenantry/events/v1/people.pb.h"
#include "tenantry/events/v1/platform.pb.h"
#include "workers/gateway/edge/services.h"

namespace tenantry::gateway {

namespace v1 = tenantry::events::v1;

void tell_ended(messaging::Outbox& outbox, const std::string& user_id, const Ended& ended) {
  std::map<std::string, int> by_tenant;
  for (const auto& session : ended) ++by_tenant[session.tenant_id];
  for (const auto& [tenant_id, count] : by_tenant) {
    v1::SessionsEnded event;
    event.set_user_id(user_id);
    event.set_count(count);
    outbox.publish(tenant_id, event);
    outbox.signal(tenant_id, v1::TenantChanged());
  }
}

void forget_sessions(Services& services, const Ended& ended) {
  for (const auto& session : ended) services.session_changed(session.session_id);
}

}  // namespace tenantry::gateway
