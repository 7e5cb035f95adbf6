-- docs/rights.md shows who may what. These nobody used.
REVOKE SELECT ON platform.holds FROM tenantry_metering, tenantry_notification, tenantry_runtime, tenantry_signup;
REVOKE SELECT ON platform.overrides, platform.plans FROM tenantry_notification, tenantry_runtime;
REVOKE SELECT ON platform.memberships FROM tenantry_notification;
GRANT SELECT (tenant_id, user_id, role, state, created_at) ON platform.memberships TO tenantry_notification;
REVOKE SELECT ON platform.domains FROM tenantry_provisioning;
GRANT SELECT (tenant_id) ON platform.domains TO tenantry_provisioning;

-- The relay marks rows of the outbox; what they say it changes as little as whoever wrote them may say anything.
REVOKE UPDATE ON messaging.outbox FROM tenantry_runtime;
GRANT UPDATE (claimed_until, attempts, last_error) ON messaging.outbox TO tenantry_runtime;

-- Secrets are read by who works with them.
REVOKE SELECT ON platform.invitations, platform.tenant_keys FROM tenantry_signup;
GRANT SELECT (invitation_id, tenant_id, email, role, locale, state, sendings, sent_at, invited_by, created_at, expires_at,
              settled_at, user_id) ON platform.invitations TO tenantry_signup;
GRANT SELECT (tenant_id, key_version, created_at) ON platform.tenant_keys TO tenantry_signup;

-- Analysts have the views, and beneath them the columns that these show; not how to reach a company, nor what an admin noted.
REVOKE SELECT ON platform.tenants FROM tenantry_analyst;
GRANT SELECT (tenant_id, company_name, status, status_reason, status_since, plan, plan_version, isolation_mode, cell, trial_ends_at,
              deletion_due_at, created_at) ON platform.tenants TO tenantry_analyst;

-- As in 0033, of tables that came since: nothing is about nobody.
ALTER TABLE billing.plan_changes ADD CONSTRAINT plan_changes_of_somebody CHECK (tenant_id <> '') NOT VALID;
ALTER TABLE billing.payment_methods ADD CONSTRAINT payment_methods_of_somebody CHECK (tenant_id <> '') NOT VALID;
ALTER TABLE platform.factor_resets ADD CONSTRAINT factor_resets_of_somebody CHECK (tenant_id <> '') NOT VALID;
ALTER TABLE platform.availability ADD CONSTRAINT availability_of_somebody CHECK (tenant_id <> '') NOT VALID;
