-- What the console's charts ask of a tenant and of all of them (/v1/analytics, /v1/admin/analytics), as views that analysts have, too.
GRANT SELECT (tenant_id, user_id, role, state, state_since, created_at) ON platform.memberships TO tenantry_analyst;

CREATE VIEW analytics.members WITH (security_invoker = true) AS
  SELECT tenant_id, user_id, role, state, created_at AS joined_at,
         CASE WHEN state <> 'active' THEN state_since END AS left_at
  FROM platform.memberships WHERE state <> 'invited';

-- A checkout that begins a subscription pays that subscription's first invoice: the invoice counts, and the checkout does
-- not count again.
CREATE VIEW analytics.revenue WITH (security_invoker = true) AS
  SELECT tenant_id, stripe_object_id, stated_at AS at, upper(currency) AS currency,
         CASE WHEN state = 'succeeded' THEN amount_minor ELSE 0 END AS paid_minor,
         CASE WHEN state IN ('refunded', 'dispute_lost') THEN amount_minor ELSE 0 END AS returned_minor
  FROM billing.payments
  WHERE state IN ('succeeded', 'refunded', 'dispute_lost')
    AND NOT (stripe_object_id LIKE 'cs\_%' AND stripe_subscription_id <> '');

CREATE VIEW analytics.mrr_by_plan WITH (security_invoker = true) AS
  SELECT month, plan, currency, count(*) AS tenants, sum(mrr_minor)::bigint AS mrr_minor
  FROM analytics.subscriptions_by_month GROUP BY month, plan, currency;

CREATE VIEW analytics.cohorts_by_month WITH (security_invoker = true) AS
  SELECT s.signup_month, m.month, count(*) AS signups, count(p.tenant_id) AS paying
  FROM (SELECT tenant_id, date_trunc('month', signed_up_at, 'UTC') AS signup_month FROM analytics.milestones) AS s
  JOIN analytics.months m ON m.month >= s.signup_month
  LEFT JOIN analytics.subscriptions_by_month p ON p.tenant_id = s.tenant_id AND p.month = m.month
  GROUP BY s.signup_month, m.month;

GRANT SELECT ON analytics.members, analytics.revenue, analytics.mrr_by_plan, analytics.cohorts_by_month TO tenantry_analyst;

-- The gateway reads them as it reads what is beneath: of the tenant that a transaction is for, and of all where a
-- super-admin asks (0020). Nothing of anybody else's use or log, and no amounts by mistake.
GRANT USAGE ON SCHEMA analytics TO tenantry_gateway;
GRANT SELECT ON analytics.audit_events, analytics.usage, analytics.members, analytics.revenue, analytics.mrr_by_plan,
  analytics.cohorts_by_month, analytics.churn_by_month, analytics.subscriptions_by_month, analytics.months,
  analytics.milestones, analytics.status_spans TO tenantry_gateway;
CREATE POLICY all_tenants ON billing.payments FOR SELECT TO tenantry_gateway
  USING (current_setting('app.all_tenants', true) = 'on');

COMMENT ON VIEW analytics.members IS 'One row per person and tenant that they belong or belonged to';
COMMENT ON VIEW analytics.revenue IS 'One row per payment that money came or went by';
COMMENT ON VIEW analytics.mrr_by_plan IS 'One row per month, plan and currency: monthly recurring revenue at its end';
COMMENT ON VIEW analytics.cohorts_by_month IS 'One row per month of signup and month since: how many of them pay';

DO $$
DECLARE
  said record;
BEGIN
  FOR said IN SELECT * FROM (VALUES
    ('members', 'tenant_id', 'The tenant'),
    ('members', 'user_id', 'The person'),
    ('members', 'role', 'What they may do there'),
    ('members', 'state', 'active, inactive or removed'),
    ('members', 'joined_at', 'When they became a member'),
    ('members', 'left_at', 'Since when they are none; NULL: they are one'),
    ('revenue', 'tenant_id', 'Who pays'),
    ('revenue', 'stripe_object_id', 'Stripe''s id of the invoice, checkout session, charge or dispute'),
    ('revenue', 'at', 'Stripe''s own time of it'),
    ('revenue', 'currency', 'ISO 4217'),
    ('revenue', 'paid_minor', 'What came in, in the currency''s smallest unit'),
    ('revenue', 'returned_minor', 'What went back by a refund or a lost dispute, in the smallest unit'),
    ('mrr_by_plan', 'month', 'First instant of the month, UTC'),
    ('mrr_by_plan', 'plan', 'The tenants'' present plan'),
    ('mrr_by_plan', 'currency', 'ISO 4217'),
    ('mrr_by_plan', 'tenants', 'Tenants of it that were active at the month''s end'),
    ('mrr_by_plan', 'mrr_minor', 'What they pay in a month, at their present plans'' prices, in the smallest unit'),
    ('cohorts_by_month', 'signup_month', 'First instant of the month of signup, UTC'),
    ('cohorts_by_month', 'month', 'First instant of this month, UTC'),
    ('cohorts_by_month', 'signups', 'Tenants that signed up in signup_month'),
    ('cohorts_by_month', 'paying', 'Of these, active at the end of this month')
  ) AS columns (view, name, text)
  LOOP
    EXECUTE format('COMMENT ON COLUMN analytics.%I.%I IS %L', said.view, said.name, said.text);
  END LOOP;
END $$;
