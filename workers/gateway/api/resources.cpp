#include "workers/gateway/api/resources.h"

// clang-format off
#define TENANTRY_RESOURCES(each) \
  each(admin_accounts) \
  each(admin_bulk_acts) \
  each(admin_dead_letters) \
  each(admin_flags) \
  each(admin_members) \
  each(admin_overrides) \
  each(admin_overview) \
  each(admin_people) \
  each(admin_queues) \
  each(admin_stripe_events) \
  each(admin_tenant_page) \
  each(admin_tenants) \
  each(admin_views) \
  each(admins) \
  each(analytics) \
  each(api_keys) \
  each(audit) \
  each(auth) \
  each(availability) \
  each(broker) \
  each(clients) \
  each(console) \
  each(domain) \
  each(emails) \
  each(events) \
  each(factors) \
  each(invitations) \
  each(me) \
  each(meta) \
  each(passkeys) \
  each(passwords) \
  each(permissions) \
  each(roles) \
  each(sessions) \
  each(settings) \
  each(signup) \
  each(stripe) \
  each(subscription) \
  each(tenant_metrics) \
  each(usage) \
  each(users)
// clang-format on

namespace tenantry::gateway {

namespace api {
#define TENANTRY_DECLARE(name) Routes name();
TENANTRY_RESOURCES(TENANTRY_DECLARE)
#undef TENANTRY_DECLARE
}  // namespace api

std::span<const Resource> resources() {
#define TENANTRY_LIST(name) {#name, api::name()},
  static const Resource all[] = {TENANTRY_RESOURCES(TENANTRY_LIST)};
#undef TENANTRY_LIST
  return all;
}

const Route* find_route(http::Method method, std::string_view path) {
  for (const auto& resource : resources()) {
    for (const auto& route : resource.routes) {
      if (route.method == method && route.path == path) return &route;
    }
  }
  return nullptr;
}

}  // namespace tenantry::gateway
