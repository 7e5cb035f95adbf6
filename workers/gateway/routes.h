// Routes: each operation of the route table with its handler.
#pragma once

#include <string_view>

#include "workers/gateway/services.h"

namespace tenantry::gateway {

// Asserts that the operation has one.
Handler handler_of(std::string_view operation);

void livez(Services&, const CallPtr&);
void readyz(Services&, const CallPtr&);
void metrics_page(Services&, const CallPtr&);
void openapi(Services&, const CallPtr&);
void problem_page(Services&, const CallPtr&);
void check_email(Services&, const CallPtr&);
void check_company(Services&, const CallPtr&);
void plans(Services&, const CallPtr&);

void signup(Services&, const CallPtr&);

void login(Services&, const CallPtr&);
void refresh(Services&, const CallPtr&);
void logout(Services&, const CallPtr&);

void stripe_webhook(Services&, const CallPtr&);

void me(Services&, const CallPtr&);
void list_clients(Services&, const CallPtr&);
void create_client(Services&, const CallPtr&);
void read_client(Services&, const CallPtr&);
void usage(Services&, const CallPtr&);
void check_limit(Services&, const CallPtr&);
void audit(Services&, const CallPtr&);
void export_audit(Services&, const CallPtr&);
void tail_audit(Services&, const CallPtr&);
void audit_checkpoint(Services&, const CallPtr&);
void audit_proof(Services&, const CallPtr&);
void audit_evidence(Services&, const CallPtr&);
void audit_keys(Services&, const CallPtr&);
void publish_event(Services&, const CallPtr&);
void broker(Services&, const CallPtr&);
void subscription(Services&, const CallPtr&);
void cancel_subscription(Services&, const CallPtr&);
void reactivate_subscription(Services&, const CallPtr&);

void admin_list_tenants(Services&, const CallPtr&);
void admin_create_tenant(Services&, const CallPtr&);
void admin_read_tenant(Services&, const CallPtr&);
void admin_suspend_tenant(Services&, const CallPtr&);
void admin_reactivate_tenant(Services&, const CallPtr&);
void admin_cancel_tenant(Services&, const CallPtr&);
void admin_hold_tenant(Services&, const CallPtr&);
void admin_release_hold(Services&, const CallPtr&);
void admin_erase_tenant(Services&, const CallPtr&);
void admin_retry_provisioning(Services&, const CallPtr&);
void admin_stripe_events(Services&, const CallPtr&);
void admin_audit(Services&, const CallPtr&);
void admin_export_audit(Services&, const CallPtr&);
void admin_tail_audit(Services&, const CallPtr&);
void admin_dead_letters(Services&, const CallPtr&);
void admin_dead_letter_groups(Services&, const CallPtr&);
void admin_redrive_dead_letters(Services&, const CallPtr&);
void admin_drop_dead_letters(Services&, const CallPtr&);
void admin_read_dead_letter(Services&, const CallPtr&);
void admin_redrive_dead_letter(Services&, const CallPtr&);
void admin_drop_dead_letter(Services&, const CallPtr&);

}  // namespace tenantry::gateway
