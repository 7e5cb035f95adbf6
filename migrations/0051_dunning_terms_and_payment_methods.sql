-- Dunning by plan and by tenant: on which days a tenant is reminded, suspended and, cancelled, deleted. What neither names
-- is billing's setting.
ALTER TABLE platform.plans ADD COLUMN dunning jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(dunning) = 'object');

CREATE TABLE platform.dunning_terms (
  tenant_id text        PRIMARY KEY REFERENCES platform.tenants,
  terms     jsonb       NOT NULL CHECK (jsonb_typeof(terms) = 'object'),
  reason    text        NOT NULL,
  set_at    timestamptz NOT NULL
);
ALTER TABLE platform.dunning_terms ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.dunning_terms FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON platform.dunning_terms TO tenantry_owner USING (true) WITH CHECK (true);
CREATE POLICY workers_all ON platform.dunning_terms TO tenantry_gateway, tenantry_billing, tenantry_provisioning,
  tenantry_signup USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON platform.dunning_terms TO tenantry_gateway;
GRANT SELECT ON platform.dunning_terms TO tenantry_billing, tenantry_signup;
GRANT SELECT, DELETE ON platform.dunning_terms TO tenantry_provisioning;

-- The tenant's own word before its plan's.
CREATE FUNCTION platform.dunning_of(tenant text, of_plan text, of_version int) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT p.dunning || coalesce((SELECT d.terms FROM platform.dunning_terms d WHERE d.tenant_id = tenant), '{}')
  FROM platform.plans p WHERE p.plan = of_plan AND p.version = of_version
$$;
REVOKE ALL ON FUNCTION platform.dunning_of(text, text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.dunning_of(text, text, int) TO tenantry_gateway, tenantry_billing, tenantry_signup,
  tenantry_provisioning;

-- What a tenant pays with, by Stripe's newest word; so that it hears before a card expires. No number is ever here.
CREATE TABLE billing.payment_methods (
  stripe_payment_method_id text        PRIMARY KEY,
  tenant_id                text        NOT NULL,
  kind                     text        NOT NULL,
  brand                    text        NOT NULL,
  last4                    text        NOT NULL,
  expires_at               timestamptz,  -- the first instant after; NULL: it does not
  detached                 boolean     NOT NULL,
  stated_at                timestamptz NOT NULL,
  stripe_event_id          text        NOT NULL
);
CREATE INDEX payment_methods_by_tenant ON billing.payment_methods (tenant_id);
CREATE INDEX payment_methods_detached ON billing.payment_methods (stated_at) WHERE detached;
ALTER TABLE billing.payment_methods ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing.payment_methods FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON billing.payment_methods TO tenantry_owner USING (true) WITH CHECK (true);
CREATE POLICY workers_all ON billing.payment_methods TO tenantry_billing, tenantry_provisioning
  USING (true) WITH CHECK (true);
CREATE POLICY own_tenant ON billing.payment_methods TO tenantry_gateway
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), ''));
GRANT SELECT, INSERT, UPDATE ON billing.payment_methods TO tenantry_billing;
GRANT SELECT ON billing.payment_methods TO tenantry_gateway;
GRANT USAGE ON SCHEMA billing TO tenantry_provisioning;
GRANT SELECT, DELETE ON billing.payment_methods, billing.plan_changes TO tenantry_provisioning;
CREATE POLICY released ON billing.plan_changes TO tenantry_provisioning USING (true);

-- Why the account is what it is: the rule, the object that it was applied to, whose statement counts. Written with it.
ALTER TABLE billing.accounts ADD COLUMN because jsonb NOT NULL DEFAULT '{}';

-- What a price named of a subscription that is over was heard of, too, and has had its effect: "~" says that it is over.
UPDATE billing.accounts a SET priced_plan = s.plan || '~'
FROM (SELECT DISTINCT ON (s.tenant_id) s.tenant_id, p.plan
      FROM billing.stripe_subscriptions s
      JOIN platform.plans p ON EXISTS (SELECT FROM jsonb_array_elements(s.items) AS i
                                       WHERE i ->> 'price_id' = ANY (p.stripe_price_ids))
      WHERE s.status IN ('canceled', 'unpaid', 'paused')
      ORDER BY s.tenant_id, s.stated_at DESC, p.price_minor DESC) AS s
WHERE s.tenant_id = a.tenant_id AND a.priced_plan = '';

-- When Stripe tries to collect an invoice again: dunning keeps step with it.
ALTER TABLE billing.invoices ADD COLUMN next_attempt_at timestamptz;

INSERT INTO housekeeping.rules (relation, keep, over, reason) VALUES
  ('billing.payment_methods', '90 days', 'detached AND stated_at < $1', 'a statement that comes late finds a newer one');
INSERT INTO housekeeping.rules (relation, reason) VALUES ('platform.dunning_terms', 'at most one row a tenant');

ALTER POLICY types_of_billing ON messaging.outbox WITH CHECK (
  CASE WHEN exchange = ''
    THEN routing_key LIKE '%.billing'
    ELSE type LIKE ANY (ARRAY['tenant.activated', 'tenant.suspended', 'tenant.cancelled', 'tenant.deletion_due', 'trial.%',
                              'dunning.due', 'payment.overdue', 'payment_method.%', 'invoice.issued', 'plan.%',
                              'security.event_refused', 'platform.tenant_changed'])
  END);
