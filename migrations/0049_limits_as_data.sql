-- Limits are rows to the end: a plan names as many as it likes, and no program has to know their names. Versions are told
-- apart by what they say.
ALTER TABLE platform.plans ADD COLUMN limits jsonb;
UPDATE platform.plans SET limits = jsonb_build_object(
  'users_max', users_max, 'storage_bytes_max', storage_bytes_max, 'api_calls_max', api_calls_max,
  'requests_per_minute', requests_per_minute);
ALTER TABLE platform.plans
  ALTER COLUMN limits SET NOT NULL,
  -- -1: unlimited, as in every interface.
  ADD CONSTRAINT plans_limits CHECK (jsonb_typeof(limits) = 'object'
    AND NOT jsonb_path_exists(limits, '$.* ? (@.type() != "number" || @ < -1 || @.floor() != @)')),
  DROP COLUMN users_max, DROP COLUMN storage_bytes_max, DROP COLUMN api_calls_max, DROP COLUMN requests_per_minute,
  DROP COLUMN checksum;

-- What binds a tenant under a plan: the plan's limits, and before each the tenant's override, as long as that lasts.
CREATE FUNCTION platform.limits_of(tenant text, of_plan text, of_version int, at timestamptz)
RETURNS TABLE (name text, value bigint) LANGUAGE sql STABLE AS $$
  SELECT l.key, coalesce((SELECT trunc(o.value::numeric)::bigint FROM platform.overrides o
                          WHERE o.tenant_id = tenant AND o.name = l.key AND jsonb_typeof(o.value) = 'number'
                            AND (o.ends_at IS NULL OR o.ends_at > at)), trunc(l.value::numeric)::bigint)
  FROM platform.plans p CROSS JOIN LATERAL jsonb_each(p.limits) AS l
  WHERE p.plan = of_plan AND p.version = of_version
$$;
REVOKE ALL ON FUNCTION platform.limits_of(text, text, int, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.limits_of(text, text, int, timestamptz) TO tenantry_gateway, tenantry_signup,
  tenantry_provisioning, tenantry_billing, tenantry_metering;

-- The plan that a tenant goes to at the end of what it has paid for.
CREATE TABLE billing.plan_changes (
  tenant_id    text        PRIMARY KEY,
  plan         text        NOT NULL,
  plan_version int         NOT NULL,
  due_at       timestamptz NOT NULL,
  asked_at     timestamptz NOT NULL,
  asked_by     text        NOT NULL CHECK (asked_by IN ('tenant', 'admin')),
  FOREIGN KEY (plan, plan_version) REFERENCES platform.plans
);
ALTER TABLE billing.plan_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing.plan_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON billing.plan_changes TO tenantry_owner USING (true) WITH CHECK (true);
CREATE POLICY workers_all ON billing.plan_changes TO tenantry_billing USING (true) WITH CHECK (true);
CREATE POLICY own_tenant ON billing.plan_changes TO tenantry_gateway
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), ''))
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), ''));
GRANT SELECT, INSERT, UPDATE, DELETE ON billing.plan_changes TO tenantry_gateway;
GRANT SELECT, DELETE ON billing.plan_changes TO tenantry_billing;
INSERT INTO housekeeping.rules (relation, reason) VALUES ('billing.plan_changes', 'one row a tenant');

-- The plan that Stripe's price named last. A price decides when it changes: what somebody chose since then stands.
ALTER TABLE billing.accounts ADD COLUMN priced_plan text NOT NULL DEFAULT '';
UPDATE billing.accounts a SET priced_plan = t.plan FROM platform.tenants t
WHERE t.tenant_id = a.tenant_id AND EXISTS (
  SELECT FROM billing.stripe_subscriptions s JOIN platform.plans p ON p.plan = t.plan
  WHERE s.tenant_id = a.tenant_id AND s.status NOT IN ('canceled', 'incomplete', 'incomplete_expired')
    AND EXISTS (SELECT FROM jsonb_array_elements(s.items) AS i WHERE i ->> 'price_id' = ANY (p.stripe_price_ids)));

-- Whether what is used fits is counted where the plan is changed.
GRANT USAGE ON SCHEMA metering TO tenantry_billing, tenantry_signup;
GRANT SELECT ON metering.metrics TO tenantry_signup;  -- which limit seats count against: it invites, too
GRANT SELECT ON metering.metrics, metering.counters TO tenantry_billing;
GRANT SELECT (tenant_id, state) ON platform.memberships TO tenantry_billing;
GRANT SELECT (tenant_id, state, expires_at) ON platform.invitations TO tenantry_billing;
DROP POLICY workers_all ON platform.invitations;
CREATE POLICY workers_all ON platform.invitations TO tenantry_gateway, tenantry_signup, tenantry_provisioning,
  tenantry_billing USING (true) WITH CHECK (true);

ALTER POLICY types_of_billing ON messaging.outbox WITH CHECK (
  CASE WHEN exchange = ''
    THEN routing_key LIKE '%.billing'
    ELSE type LIKE ANY (ARRAY['tenant.activated', 'tenant.suspended', 'tenant.cancelled', 'tenant.deletion_due', 'trial.%',
                              'dunning.due', 'payment.overdue', 'invoice.issued', 'plan.%', 'security.event_refused',
                              'platform.tenant_changed'])
  END);
