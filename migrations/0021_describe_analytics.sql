-- What analysts ask most, as views, and every view and column described where they look for it.
GRANT SELECT ON platform.plans TO tenantry_analyst;

-- A change of status opens a span and ends the one before.
CREATE VIEW analytics.status_spans WITH (security_invoker = true) AS
  SELECT tenant_id, to_status AS status, trigger, reason, at AS since,
         lead(at) OVER (PARTITION BY tenant_id ORDER BY at, event_id) AS until
  FROM platform.lifecycle_history;

-- The months that have begun since the first signup; a clock that is moved for a test moves them, too.
CREATE VIEW analytics.months WITH (security_invoker = true) AS
  SELECT month, month + interval '1 month' AS next_month
  FROM (SELECT date_trunc('month', min(created_at), 'UTC') AS first FROM platform.tenants) AS signups
  CROSS JOIN (SELECT greatest(now(), max(at)) AS last FROM platform.lifecycle_history) AS clock
  CROSS JOIN LATERAL generate_series(first AT TIME ZONE 'UTC', last AT TIME ZONE 'UTC', interval '1 month') AS m (utc)
  CROSS JOIN LATERAL (SELECT utc AT TIME ZONE 'UTC' AS month) AS begun;

CREATE VIEW analytics.milestones WITH (security_invoker = true) AS
  SELECT t.tenant_id, t.plan, t.created_at AS signed_up_at, date_trunc('week', t.created_at, 'UTC') AS signup_week,
         min(s.since) FILTER (WHERE s.status = 'trial') AS trial_at,
         min(s.since) FILTER (WHERE s.status = 'active') AS active_at,
         min(s.since) FILTER (WHERE s.status = 'cancelled') AS cancelled_at
  FROM platform.tenants t LEFT JOIN analytics.status_spans s USING (tenant_id)
  GROUP BY t.tenant_id;

CREATE VIEW analytics.funnel_by_week WITH (security_invoker = true) AS
  SELECT signup_week, count(*) AS signups, count(trial_at) AS trials, count(active_at) AS activations,
         round(count(trial_at)::numeric / count(*), 4) AS trial_rate,
         round(count(active_at)::numeric / count(*), 4) AS activation_rate,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY active_at - trial_at) AS median_trial
  FROM analytics.milestones GROUP BY signup_week;

CREATE VIEW analytics.cohorts_by_week WITH (security_invoker = true) AS
  SELECT m.signup_week, week::int AS week, count(DISTINCT m.tenant_id) AS signups,
         count(DISTINCT s.tenant_id) AS live, count(DISTINCT s.tenant_id) FILTER (WHERE s.status = 'active') AS active
  FROM analytics.milestones m
  CROSS JOIN (SELECT greatest(now(), max(at)) AS last FROM platform.lifecycle_history) AS clock
  CROSS JOIN LATERAL generate_series(0, floor(extract(epoch FROM last - m.signup_week) / 604800)::int - 1) AS week
  LEFT JOIN analytics.status_spans s
    ON s.tenant_id = m.tenant_id AND s.status IN ('trial', 'active')
   AND s.since < m.signup_week + (week + 1) * interval '7 days'
   AND coalesce(s.until, 'infinity') >= m.signup_week + (week + 1) * interval '7 days'
  GROUP BY m.signup_week, week;

-- A tenant pays for a month at whose end it is active.
CREATE VIEW analytics.subscriptions_by_month WITH (security_invoker = true) AS
  SELECT m.month, s.tenant_id, t.plan, p.price_minor AS mrr_minor, p.currency
  FROM analytics.months m
  JOIN analytics.status_spans s
    ON s.status = 'active' AND s.since < m.next_month AND coalesce(s.until, 'infinity') >= m.next_month
  JOIN platform.tenants t USING (tenant_id)
  JOIN platform.plans p ON p.plan = t.plan AND p.version = t.plan_version;

CREATE VIEW analytics.mrr_by_month WITH (security_invoker = true) AS
  SELECT month, currency, count(*) AS tenants, sum(mrr_minor)::bigint AS mrr_minor,
         coalesce(sum(mrr_minor) FILTER (WHERE before IS NULL), 0)::bigint AS new_minor
  FROM (
    SELECT month, currency, tenant_id, mrr_minor,
           lag(month) OVER (PARTITION BY tenant_id ORDER BY month) AS before
    FROM analytics.subscriptions_by_month
  ) AS paid
  GROUP BY month, currency;

CREATE VIEW analytics.churn_by_month WITH (security_invoker = true) AS
  SELECT m.month, count(b.tenant_id) AS active_before, count(b.tenant_id) FILTER (WHERE a.tenant_id IS NULL) AS churned,
         coalesce(sum(b.mrr_minor) FILTER (WHERE a.tenant_id IS NULL), 0)::bigint AS churned_minor,
         round(count(b.tenant_id) FILTER (WHERE a.tenant_id IS NULL)::numeric / nullif(count(b.tenant_id), 0), 4)
           AS churn_rate
  FROM analytics.months m
  LEFT JOIN analytics.subscriptions_by_month b ON b.month = (m.month AT TIME ZONE 'UTC' - interval '1 month') AT TIME ZONE 'UTC'
  LEFT JOIN analytics.subscriptions_by_month a ON a.month = m.month AND a.tenant_id = b.tenant_id
  GROUP BY m.month;

GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO tenantry_analyst;

COMMENT ON VIEW analytics.status_spans IS 'One row per status that a tenant has had, from when to when';
COMMENT ON VIEW analytics.months IS 'One row per month since the first signup, UTC';
COMMENT ON VIEW analytics.milestones IS 'One row per tenant: when it first reached each step from signup to cancellation';
COMMENT ON VIEW analytics.funnel_by_week IS 'One row per week of signup: how many went on to a trial and to a paid plan';
COMMENT ON VIEW analytics.cohorts_by_week IS 'One row per week of signup and whole week since: how many of them are still there';
COMMENT ON VIEW analytics.subscriptions_by_month IS 'One row per month and tenant that was active at its end';
COMMENT ON VIEW analytics.mrr_by_month IS 'One row per month and currency: monthly recurring revenue at its end';
COMMENT ON VIEW analytics.churn_by_month IS 'One row per month: who was active at the end of the month before, and is no longer';

DO $$
DECLARE
  said record;
BEGIN
  FOR said IN SELECT * FROM (VALUES
    ('tenants', 'tenant_id', 'The tenant''s name in URLs and on the broker; never changes'),
    ('tenants', 'company_name', 'As given at signup'),
    ('tenants', 'status', 'pending, trial, active, suspended, cancelled or deleted'),
    ('tenants', 'status_reason', 'Why it has this status: payment_failed, abuse, ...; empty where none was given'),
    ('tenants', 'status_since', 'When it came to this status'),
    ('tenants', 'plan', 'Its present plan'),
    ('tenants', 'isolation_mode', 'Where its data lives: pool, schema or database'),
    ('tenants', 'cell', 'The broker cluster and databases that serve it'),
    ('tenants', 'trial_ends_at', 'When its trial ends or ended'),
    ('tenants', 'deletion_due_at', 'When a cancelled tenant''s data are deleted; NULL: not due'),
    ('tenants', 'created_at', 'When it signed up'),
    ('lifecycle_history', 'tenant_id', 'The tenant'),
    ('lifecycle_history', 'from_status', 'The status before; NULL at signup'),
    ('lifecycle_history', 'to_status', 'The status after'),
    ('lifecycle_history', 'trigger', 'What moved it: provisioned, payment_succeeded, trial_ended, suspend, ...'),
    ('lifecycle_history', 'reason', 'Why, where somebody said so'),
    ('lifecycle_history', 'at', 'When'),
    ('lifecycle_history', 'event_id', 'The event that led to it; the audit log has it'),
    ('status_spans', 'tenant_id', 'The tenant'),
    ('status_spans', 'status', 'The status it had'),
    ('status_spans', 'trigger', 'What brought it there'),
    ('status_spans', 'reason', 'Why, where somebody said so'),
    ('status_spans', 'since', 'When it came to this status'),
    ('status_spans', 'until', 'When it left it; NULL: it has it now'),
    ('audit_events', 'tenant_id', 'Whose log'),
    ('audit_events', 'sequence', 'The record''s number in its tenant''s log, from 0 without gaps'),
    ('audit_events', 'event_id', 'The event recorded'),
    ('audit_events', 'type', 'The event''s type, such as payment.failed'),
    ('audit_events', 'occurred_at', 'When it happened, as its source has it'),
    ('audit_events', 'recorded_at', 'When it was recorded; rises with sequence'),
    ('audit_events', 'actor_kind', 'user, service, stripe, anonymous or application'),
    ('audit_events', 'actor_id', 'Who did it; empty once the tenant is erased'),
    ('audit_events', 'actor_ip', 'From which address, where known; empty once the tenant is erased'),
    ('audit_events', 'actor_agent', 'With which user agent, where known; empty once the tenant is erased'),
    ('audit_events', 'action', 'CREATE, UPDATE, DELETE, LOGIN, LOGOUT, EXPORT, READ or the event''s type'),
    ('audit_events', 'crud', 'create, read, update or delete; empty where it is none of them'),
    ('audit_events', 'resource', 'The kind of thing it was done to'),
    ('audit_events', 'resource_id', 'Which one'),
    ('audit_events', 'outcome', 'success or failure'),
    ('audit_events', 'correlation_id', 'The request that it belongs to'),
    ('audit_events', 'causation_id', 'The event that led to it'),
    ('audit_events', 'source', 'Who published it'),
    ('audit_events', 'payload', 'The event''s fields; NULL once the tenant is erased'),
    ('audit_events', 'changes', 'Old and new value of each field that changed; NULL where none did, and once erased'),
    ('usage', 'tenant_id', 'Who used it'),
    ('usage', 'metric', 'What was used: api_calls, storage_bytes, users, ...'),
    ('usage', 'unit', 'What quantity counts'),
    ('usage', 'span', 'Length of the window: hour, day, month or total'),
    ('usage', 'window_start', 'First instant of the window, UTC'),
    ('usage', 'quantity', 'How much: the sum, the largest, the last or the number of different ones, as the metric has it'),
    ('usage', 'events', 'How many events are in it'),
    ('usage', 'updated_at', 'When it last changed'),
    ('payments', 'tenant_id', 'Who pays'),
    ('payments', 'stripe_object_id', 'Stripe''s id of the invoice or charge'),
    ('payments', 'state', 'succeeded, failed, refunded or disputed'),
    ('payments', 'amount_minor', 'In the currency''s smallest unit'),
    ('payments', 'currency', 'ISO 4217, as Stripe writes it'),
    ('payments', 'stated_at', 'Stripe''s own time of this state'),
    ('notifications', 'tenant_id', 'About whom'),
    ('notifications', 'notification_id', 'The message''s id'),
    ('notifications', 'event_id', 'The event that it tells'),
    ('notifications', 'template', 'Which text'),
    ('notifications', 'channel', 'email or webhook'),
    ('notifications', 'locale', 'fr or en'),
    ('notifications', 'state', 'sent or failed'),
    ('notifications', 'at', 'When'),
    ('months', 'month', 'First instant of the month, UTC'),
    ('months', 'next_month', 'First instant of the next one'),
    ('milestones', 'tenant_id', 'The tenant'),
    ('milestones', 'plan', 'Its present plan'),
    ('milestones', 'signed_up_at', 'When it signed up'),
    ('milestones', 'signup_week', 'The Monday of that week, UTC'),
    ('milestones', 'trial_at', 'When its trial began; NULL: it never did'),
    ('milestones', 'active_at', 'When it first paid; NULL: it never did'),
    ('milestones', 'cancelled_at', 'When it was first cancelled; NULL: it never was'),
    ('funnel_by_week', 'signup_week', 'The Monday of the week of signup, UTC'),
    ('funnel_by_week', 'signups', 'Tenants that signed up in it'),
    ('funnel_by_week', 'trials', 'Of these, how many began a trial'),
    ('funnel_by_week', 'activations', 'Of these, how many paid at least once'),
    ('funnel_by_week', 'trial_rate', 'Trials of signups, 0 to 1'),
    ('funnel_by_week', 'activation_rate', 'Activations of signups, 0 to 1'),
    ('funnel_by_week', 'median_trial', 'Median time from trial to the first payment'),
    ('cohorts_by_week', 'signup_week', 'The Monday of the week of signup, UTC'),
    ('cohorts_by_week', 'week', 'Whole weeks since, 0 being that of the signup'),
    ('cohorts_by_week', 'signups', 'Tenants that signed up in signup_week'),
    ('cohorts_by_week', 'live', 'Of these, in trial or active at the end of this week'),
    ('cohorts_by_week', 'active', 'Of these, active at the end of this week'),
    ('subscriptions_by_month', 'month', 'First instant of the month, UTC'),
    ('subscriptions_by_month', 'tenant_id', 'A tenant that was active at the month''s end'),
    ('subscriptions_by_month', 'plan', 'Its present plan'),
    ('subscriptions_by_month', 'mrr_minor', 'The present plan''s price of a month, in the currency''s smallest unit'),
    ('subscriptions_by_month', 'currency', 'ISO 4217'),
    ('mrr_by_month', 'month', 'First instant of the month, UTC'),
    ('mrr_by_month', 'currency', 'ISO 4217'),
    ('mrr_by_month', 'tenants', 'Tenants active at its end'),
    ('mrr_by_month', 'mrr_minor', 'What they pay in a month, at their present plans'' prices, in the smallest unit'),
    ('mrr_by_month', 'new_minor', 'Of this, from tenants that were active at the end of no month before'),
    ('churn_by_month', 'month', 'First instant of the month, UTC'),
    ('churn_by_month', 'active_before', 'Tenants active at the end of the month before'),
    ('churn_by_month', 'churned', 'Of these, no longer active at the end of this one'),
    ('churn_by_month', 'churned_minor', 'What these paid in a month, in the smallest unit'),
    ('churn_by_month', 'churn_rate', 'Churned of active_before, 0 to 1; NULL where nobody was active')
  ) AS columns (view, name, text)
  LOOP
    EXECUTE format('COMMENT ON COLUMN analytics.%I.%I IS %L', said.view, said.name, said.text);
  END LOOP;
END $$;
