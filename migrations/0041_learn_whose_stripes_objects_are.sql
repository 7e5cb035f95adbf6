-- Whose an object of Stripe's is: not of customers only, but of whatever came together with a tenant's name. Written by the
-- gateway in the webhook's own transaction, so that nothing that comes a moment later is parked for want of it.
ALTER TABLE billing.customers RENAME TO stripe_links;
ALTER TABLE billing.stripe_links RENAME COLUMN stripe_customer_id TO stripe_object_id;
ALTER TABLE billing.stripe_links RENAME CONSTRAINT customers_pkey TO stripe_links_pkey;
ALTER INDEX billing.customers_by_tenant RENAME TO stripe_links_by_tenant;
GRANT INSERT, UPDATE ON billing.stripe_links TO tenantry_gateway;
REVOKE INSERT, UPDATE ON billing.stripe_links FROM tenantry_billing;
UPDATE housekeeping.rules SET reason = 'a few rows an invoice; a dispute comes months after its charge'
  WHERE relation = 'billing.stripe_links'::regclass;

INSERT INTO billing.stripe_links (stripe_object_id, tenant_id, created_at)
SELECT id, tenant_id, min(at) FROM (
  SELECT stripe_subscription_id AS id, tenant_id, stated_at AS at FROM billing.stripe_subscriptions
  UNION ALL SELECT stripe_object_id, tenant_id, stated_at FROM billing.payments
  UNION ALL SELECT stripe_invoice_id, tenant_id, stated_at FROM billing.invoices) AS known
GROUP BY id, tenant_id
ON CONFLICT DO NOTHING;

ALTER TABLE billing.stripe_events
  ADD COLUMN object_ids text[] NOT NULL DEFAULT '{}',  -- by which its tenant may be found
  ADD COLUMN detail     text   NOT NULL DEFAULT '',    -- of an unreadable one: the field and the rule
  ADD COLUMN settled_by text   NOT NULL DEFAULT '',    -- who released or dropped what was parked
  ADD COLUMN settled_at timestamptz,
  DROP CONSTRAINT stripe_events_state_check,
  ADD CONSTRAINT stripe_events_state_check CHECK (state IN ('published', 'ignored', 'parked', 'dropped'));
CREATE INDEX stripe_events_parked_by_object ON billing.stripe_events USING gin (object_ids)
  WHERE state = 'parked' AND reason IN ('no_tenant', 'unknown_tenant');
