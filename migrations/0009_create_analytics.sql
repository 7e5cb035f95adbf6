-- Schema analytics: what analysts read. Every view runs with its reader's rights (security_invoker), so that row-level
-- security of the tables beneath holds through it.
CREATE SCHEMA analytics;
REVOKE ALL ON SCHEMA analytics FROM PUBLIC;

CREATE VIEW analytics.tenants WITH (security_invoker = true) AS
  SELECT tenant_id, company_name, status, status_reason, status_since, plan, isolation_mode, cell, trial_ends_at,
         deletion_due_at, created_at
  FROM platform.tenants;
COMMENT ON VIEW analytics.tenants IS 'One row per tenant, with its present status';

CREATE VIEW analytics.lifecycle_history WITH (security_invoker = true) AS
  SELECT tenant_id, from_status, to_status, trigger, reason, at, event_id FROM platform.lifecycle_history;
COMMENT ON VIEW analytics.lifecycle_history IS 'One row per transition of a tenant''s status';

CREATE VIEW analytics.audit_events WITH (security_invoker = true) AS
  SELECT tenant_id, sequence, event_id, type, occurred_at, recorded_at, actor_kind, actor_id, actor_ip, actor_agent,
         action, crud, resource, resource_id, outcome, correlation_id, causation_id, source, payload
  FROM audit.records;
COMMENT ON VIEW analytics.audit_events IS 'One row per record of the audit log; sequence is gapless per tenant, from 0';

CREATE VIEW analytics.usage WITH (security_invoker = true) AS
  SELECT c.tenant_id, c.metric, m.unit, c.span, c.window_start, c.quantity, c.events, c.updated_at
  FROM metering.counters c JOIN metering.metrics m USING (metric);
COMMENT ON VIEW analytics.usage IS 'One row per tenant, metric and window (hour, day, month, total), UTC';

CREATE VIEW analytics.payments WITH (security_invoker = true) AS
  SELECT tenant_id, stripe_object_id, state, amount_minor, currency, stated_at FROM billing.payments;
COMMENT ON VIEW analytics.payments IS 'One row per payment object of Stripe, its newest state';

CREATE VIEW analytics.notifications WITH (security_invoker = true) AS
  SELECT tenant_id, notification_id, event_id, template, channel, locale, state, at FROM notification.deliveries;
COMMENT ON VIEW analytics.notifications IS 'One row per message sent or given up';
