-- What each service may do, and row-level security on every table that holds a tenant's rows.

-- 1. Row-level security: enabled and forced wherever there is a tenant_id. Workers batch over tenants and have a
--    policy of their own; grants say which tables they reach. The gateway and provisioning touch tenants' own data
--    only as the tenant named by app.tenant_id.
DO $$
DECLARE
  t record;
  tenant_scoped constant text :=
    '(tenant_id = NULLIF(current_setting(''app.tenant_id'', true), ''''))';
BEGIN
  FOR t IN
    SELECT n.nspname AS schema, c.relname AS name
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND n.nspname IN ('platform', 'messaging', 'billing', 'metering', 'audit', 'provisioning', 'notification',
                        'tenant_data')
  LOOP
    EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY', t.schema, t.name);
    EXECUTE format('ALTER TABLE %I.%I FORCE ROW LEVEL SECURITY', t.schema, t.name);
    EXECUTE format('CREATE POLICY owner_all ON %I.%I TO tenantry_owner USING (true) WITH CHECK (true)',
                   t.schema, t.name);
    CONTINUE WHEN t.schema = 'tenant_data';
    EXECUTE format('CREATE POLICY workers_all ON %I.%I TO tenantry_signup, tenantry_provisioning, tenantry_billing, '
                   'tenantry_metering, tenantry_audit, tenantry_notification, tenantry_runtime, tenantry_analyst '
                   'USING (true) WITH CHECK (true)', t.schema, t.name);
    IF t.schema IN ('platform', 'messaging') OR (t.schema = 'billing' AND t.name IN ('stripe_events', 'customers')) THEN
      EXECUTE format('CREATE POLICY gateway_all ON %I.%I TO tenantry_gateway USING (true) WITH CHECK (true)',
                     t.schema, t.name);
    ELSE
      EXECUTE format('CREATE POLICY own_tenant ON %I.%I TO tenantry_gateway USING %s WITH CHECK %s',
                     t.schema, t.name, tenant_scoped, tenant_scoped);
    END IF;
  END LOOP;
END $$;

-- 2. Schemas.
GRANT USAGE ON SCHEMA platform, messaging TO tenantry_gateway, tenantry_signup, tenantry_provisioning, tenantry_billing,
  tenantry_metering, tenantry_audit, tenantry_notification, tenantry_runtime, tenantry_analyst;
GRANT USAGE ON SCHEMA billing TO tenantry_gateway, tenantry_billing, tenantry_analyst;
GRANT USAGE ON SCHEMA metering TO tenantry_gateway, tenantry_metering, tenantry_analyst;
GRANT USAGE ON SCHEMA audit TO tenantry_gateway, tenantry_audit, tenantry_analyst;
GRANT USAGE ON SCHEMA provisioning TO tenantry_gateway, tenantry_provisioning;
GRANT USAGE ON SCHEMA notification TO tenantry_notification, tenantry_analyst;
GRANT USAGE ON SCHEMA tenant_data TO tenantry_gateway, tenantry_provisioning;
GRANT USAGE ON SCHEMA analytics TO tenantry_analyst;

-- 3. What every worker does: inbox, outbox, dead letters, counted attempts, the shared clock, tenants' rows to read.
GRANT SELECT, INSERT ON messaging.inbox TO tenantry_signup, tenantry_provisioning, tenantry_billing, tenantry_metering,
  tenantry_audit, tenantry_notification;
GRANT SELECT, INSERT, DELETE ON messaging.outbox TO tenantry_gateway, tenantry_signup, tenantry_provisioning,
  tenantry_billing, tenantry_metering, tenantry_audit, tenantry_notification;
GRANT SELECT, INSERT, UPDATE ON messaging.dead_letters TO tenantry_signup, tenantry_provisioning, tenantry_billing,
  tenantry_metering, tenantry_audit, tenantry_notification;
GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.attempts TO tenantry_signup, tenantry_provisioning, tenantry_billing,
  tenantry_metering, tenantry_audit, tenantry_notification;
GRANT SELECT ON platform.clock TO tenantry_gateway, tenantry_signup, tenantry_provisioning, tenantry_billing,
  tenantry_metering, tenantry_audit, tenantry_notification, tenantry_runtime;
GRANT SELECT ON platform.tenants, platform.plans, platform.overrides, platform.holds TO tenantry_gateway,
  tenantry_signup, tenantry_provisioning, tenantry_billing, tenantry_metering, tenantry_notification, tenantry_runtime;

GRANT SELECT (tenant_id, vhost_ready) ON platform.tenants TO tenantry_audit;

-- 4. The runtime of every process: relay, sweeper, discovery of tenants.
GRANT SELECT, UPDATE, DELETE ON messaging.outbox TO tenantry_runtime;
GRANT EXECUTE ON FUNCTION messaging.ensure_inbox_partitions(timestamptz) TO tenantry_runtime;

-- 5. Lifecycle transitions (shared/tenancy/lifecycle_store): the columns they write, and no others.
GRANT UPDATE (status, status_reason, status_note, status_since, resumes_to, trial_ends_at, deletion_due_at, provisioning_failed,
              vhost_ready, vhost_present, plan, plan_version, updated_at)
  ON platform.tenants TO tenantry_gateway, tenantry_signup, tenantry_provisioning, tenantry_billing;
GRANT INSERT, SELECT ON platform.lifecycle_history TO tenantry_gateway, tenantry_signup, tenantry_provisioning,
  tenantry_billing;

-- 6. Gateway.
GRANT INSERT ON platform.tenants TO tenantry_gateway, tenantry_signup;
GRANT SELECT, INSERT, UPDATE ON platform.users TO tenantry_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON platform.memberships TO tenantry_gateway;
GRANT SELECT ON platform.role_permissions TO tenantry_gateway;
GRANT SELECT, INSERT, UPDATE ON platform.signups TO tenantry_gateway, tenantry_signup;
GRANT SELECT, INSERT, DELETE ON platform.idempotency_keys TO tenantry_gateway;
GRANT SELECT, INSERT, DELETE ON platform.refresh_tokens, platform.revoked_tokens TO tenantry_gateway;
GRANT SELECT, INSERT, UPDATE ON platform.signing_keys TO tenantry_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON platform.overrides, platform.holds TO tenantry_gateway;
GRANT SELECT, INSERT, UPDATE ON billing.stripe_events TO tenantry_gateway;
GRANT SELECT ON billing.customers, billing.accounts, billing.stripe_subscriptions, billing.payments, billing.invoices
  TO tenantry_gateway;
GRANT SELECT ON metering.metrics, metering.counters TO tenantry_gateway;
GRANT SELECT ON audit.records, audit.heads TO tenantry_gateway;
GRANT SELECT ON provisioning.sagas, provisioning.steps TO tenantry_gateway;
GRANT SELECT ON tenant_data.stores TO tenantry_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_data.clients TO tenantry_gateway;
GRANT SELECT ON messaging.dead_letters TO tenantry_gateway;

-- 7. Signup.
GRANT SELECT, INSERT ON platform.users, platform.memberships TO tenantry_signup;
GRANT SELECT, INSERT ON platform.tenant_keys TO tenantry_signup;

-- 8. Provisioning.
GRANT SELECT, INSERT, UPDATE, DELETE ON provisioning.sagas, provisioning.steps, provisioning.resources,
  provisioning.credentials TO tenantry_provisioning;
GRANT SELECT, DELETE ON platform.tenant_keys TO tenantry_provisioning;
GRANT SELECT ON messaging.inbox TO tenantry_provisioning;
GRANT SELECT, INSERT, DELETE ON tenant_data.stores TO tenantry_provisioning;
GRANT SELECT, DELETE ON tenant_data.clients TO tenantry_provisioning;
GRANT DELETE ON platform.refresh_tokens, platform.memberships TO tenantry_provisioning;
GRANT SELECT ON platform.refresh_tokens, platform.memberships TO tenantry_provisioning;
GRANT SELECT, DELETE ON platform.users TO tenantry_provisioning;
GRANT SELECT ON platform.signups TO tenantry_provisioning;
GRANT UPDATE (user_id) ON platform.signups TO tenantry_provisioning;

-- 9. Billing.
GRANT SELECT, INSERT, UPDATE ON billing.customers, billing.stripe_subscriptions, billing.payments, billing.accounts,
  billing.invoices TO tenantry_billing;

-- 10. Metering.
GRANT SELECT ON metering.metrics TO tenantry_metering;
GRANT SELECT, INSERT, UPDATE ON metering.counters TO tenantry_metering;
GRANT SELECT, INSERT ON metering.idempotency_keys, metering.unique_members, metering.crossings TO tenantry_metering;

-- 11. Audit: insert only through audit.append.
GRANT SELECT ON audit.records, audit.heads TO tenantry_audit;
GRANT EXECUTE ON FUNCTION audit.lock_heads(text[]) TO tenantry_audit;
GRANT EXECUTE ON FUNCTION audit.append(jsonb, bytea[], bytea[], jsonb, bytea[]) TO tenantry_audit;

-- 12. Notification.
GRANT SELECT ON platform.users, platform.memberships TO tenantry_notification;
GRANT SELECT, INSERT ON notification.deliveries TO tenantry_notification;

-- 13. Analysts: the views, and beneath them (security_invoker) the columns they show.
GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO tenantry_analyst;
GRANT SELECT ON platform.tenants, platform.lifecycle_history, audit.records, metering.counters, metering.metrics,
  billing.payments, notification.deliveries TO tenantry_analyst;
