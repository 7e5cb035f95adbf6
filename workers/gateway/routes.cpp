#include "workers/gateway/routes.h"

#include <algorithm>
#include <iterator>

#include "shared/core/assert.h"

namespace tenantry::gateway {
namespace {

struct Binding {
  std::string_view operation;
  Handler handler;
};

constexpr Binding bindings[] = {
    {"livez", livez},
    {"readyz", readyz},
    {"metrics", metrics_page},
    {"openapi", openapi},
    {"problem", problem_page},
    {"checkEmail", check_email},
    {"checkCompany", check_company},
    {"plans", plans},
    {"signup", signup},
    {"login", login},
    {"refresh", refresh},
    {"logout", logout},
    {"stripeWebhook", stripe_webhook},
    {"me", me},
    {"listClients", list_clients},
    {"createClient", create_client},
    {"readClient", read_client},
    {"usage", usage},
    {"checkLimit", check_limit},
    {"audit", audit},
    {"exportAudit", export_audit},
    {"tailAudit", tail_audit},
    {"auditCheckpoint", audit_checkpoint},
    {"auditProof", audit_proof},
    {"auditEvidence", audit_evidence},
    {"auditKeys", audit_keys},
    {"publishEvent", publish_event},
    {"broker", broker},
    {"subscription", subscription},
    {"cancelSubscription", cancel_subscription},
    {"reactivateSubscription", reactivate_subscription},
    {"adminListTenants", admin_list_tenants},
    {"adminCreateTenant", admin_create_tenant},
    {"adminReadTenant", admin_read_tenant},
    {"adminSuspendTenant", admin_suspend_tenant},
    {"adminReactivateTenant", admin_reactivate_tenant},
    {"adminCancelTenant", admin_cancel_tenant},
    {"adminHoldTenant", admin_hold_tenant},
    {"adminReleaseHold", admin_release_hold},
    {"adminEraseTenant", admin_erase_tenant},
    {"adminRetryProvisioning", admin_retry_provisioning},
    {"adminStripeEvents", admin_stripe_events},
    {"adminAudit", admin_audit},
    {"adminExportAudit", admin_export_audit},
    {"adminTailAudit", admin_tail_audit},
    {"adminDeadLetters", admin_dead_letters},
    {"adminDeadLetterGroups", admin_dead_letter_groups},
    {"adminRedriveDeadLetters", admin_redrive_dead_letters},
    {"adminDropDeadLetters", admin_drop_dead_letters},
    {"adminReadDeadLetter", admin_read_dead_letter},
    {"adminRedriveDeadLetter", admin_redrive_dead_letter},
    {"adminDropDeadLetter", admin_drop_dead_letter},
};

}  // namespace

Handler handler_of(std::string_view operation) {
  const auto found = std::ranges::find(bindings, operation, &Binding::operation);
  TENANTRY_ASSERT(found != std::end(bindings));
  return found->handler;
}

}  // namespace tenantry::gateway
