#include "workers/gateway/route_table.h"

namespace tenantry::gateway {
namespace {

using http::Method;

constexpr std::size_t server_limit = 1024UL * 1024;

constexpr Route table[] = {
    {Method::get, "/livez", "livez", Guard::open},
    {Method::get, "/readyz", "readyz", Guard::open},
    {Method::get, "/metrics", "metrics", Guard::open},
    {Method::get, "/openapi.json", "openapi", Guard::open},
    {Method::get, "/problems/{code}", "problem", Guard::open},
    {Method::get, "/.well-known/tenantry/audit-keys", "auditKeys", Guard::open},

    {Method::post, "/signup", "signup", Guard::open},
    {Method::get, "/signup/check-email", "checkEmail", Guard::open},
    {Method::get, "/signup/check-company", "checkCompany", Guard::open},
    {Method::get, "/signup/plans", "plans", Guard::open},

    {Method::post, "/auth/login", "login", Guard::open},
    {Method::post, "/auth/refresh", "refresh", Guard::open},
    {Method::post, "/auth/logout", "logout", Guard::billing},

    {Method::post, "/webhooks/stripe", "stripeWebhook", Guard::open, "", BodyKind::json, server_limit},

    {Method::get, "/v1/me", "me", Guard::live},
    {Method::get, "/v1/clients", "listClients", Guard::live, "clients:read"},
    {Method::post, "/v1/clients", "createClient", Guard::live, "clients:create"},
    {Method::get, "/v1/clients/{id}", "readClient", Guard::live, "clients:read"},
    {Method::get, "/v1/usage", "usage", Guard::live, "usage:read"},
    {Method::get, "/v1/limits/check", "checkLimit", Guard::live, "usage:read"},
    {Method::get, "/v1/audit", "audit", Guard::live, "audit:read"},
    {Method::get, "/v1/audit/tail", "tailAudit", Guard::live, "audit:read", BodyKind::json, 0, true},
    {Method::get, "/v1/audit/export", "exportAudit", Guard::live, "audit:read", BodyKind::json, 0, true},
    {Method::get, "/v1/audit/checkpoint", "auditCheckpoint", Guard::live, "audit:read"},
    {Method::get, "/v1/audit/proof", "auditProof", Guard::live, "audit:read"},
    {Method::get, "/v1/audit/evidence", "auditEvidence", Guard::live, "audit:read"},
    {Method::post, "/v1/events", "publishEvent", Guard::live, "events:publish", BodyKind::event, server_limit},
    {Method::get, "/v1/broker", "broker", Guard::live, "broker:read"},
    {Method::get, "/v1/subscription", "subscription", Guard::billing, "subscription:read"},
    {Method::post, "/v1/subscription/cancel", "cancelSubscription", Guard::billing, "subscription:cancel"},
    {Method::post, "/v1/subscription/reactivate", "reactivateSubscription", Guard::billing, "subscription:reactivate"},

    {Method::get, "/v1/admin/tenants", "adminListTenants", Guard::admin},
    {Method::post, "/v1/admin/tenants", "adminCreateTenant", Guard::admin},
    {Method::get, "/v1/admin/tenants/{id}", "adminReadTenant", Guard::admin},
    {Method::post, "/v1/admin/tenants/{id}/suspend", "adminSuspendTenant", Guard::admin},
    {Method::post, "/v1/admin/tenants/{id}/reactivate", "adminReactivateTenant", Guard::admin},
    {Method::post, "/v1/admin/tenants/{id}/cancel", "adminCancelTenant", Guard::admin},
    {Method::post, "/v1/admin/tenants/{id}/hold", "adminHoldTenant", Guard::admin},
    {Method::post, "/v1/admin/tenants/{id}/release-hold", "adminReleaseHold", Guard::admin},
    {Method::post, "/v1/admin/tenants/{id}/erase", "adminEraseTenant", Guard::admin},
    {Method::post, "/v1/admin/tenants/{id}/retry-provisioning", "adminRetryProvisioning", Guard::admin},
    {Method::get, "/v1/admin/stripe-events", "adminStripeEvents", Guard::admin},
    {Method::get, "/v1/admin/audit", "adminAudit", Guard::admin},
    {Method::get, "/v1/admin/audit/tail", "adminTailAudit", Guard::admin, "", BodyKind::json, 0, true},
    {Method::get, "/v1/admin/audit/export", "adminExportAudit", Guard::admin, "", BodyKind::json, 0, true},
    {Method::get, "/v1/admin/dead-letters", "adminDeadLetters", Guard::admin},
    {Method::get, "/v1/admin/dead-letters/groups", "adminDeadLetterGroups", Guard::admin},
    {Method::post, "/v1/admin/dead-letters/redrive", "adminRedriveDeadLetters", Guard::admin},
    {Method::post, "/v1/admin/dead-letters/drop", "adminDropDeadLetters", Guard::admin},
    {Method::get, "/v1/admin/dead-letters/{id}", "adminReadDeadLetter", Guard::admin},
    {Method::post, "/v1/admin/dead-letters/{id}/redrive", "adminRedriveDeadLetter", Guard::admin},
    {Method::post, "/v1/admin/dead-letters/{id}/drop", "adminDropDeadLetter", Guard::admin},
};

}  // namespace

std::span<const Route> route_table() {
  return table;
}

}  // namespace tenantry::gateway
