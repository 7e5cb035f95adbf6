-- What services and analysts had beyond their work.

-- 1. Functions are nobody's but those who were given them: EXECUTE is PUBLIC's by default, of definer functions, too.
DO $$
DECLARE
  schema text;
BEGIN
  FOREACH schema IN ARRAY ARRAY['platform', 'messaging', 'billing', 'metering', 'audit', 'provisioning', 'notification',
                                'tenant_data', 'analytics'] LOOP
    EXECUTE format('REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA %I FROM PUBLIC', schema);
  END LOOP;
END $$;
GRANT EXECUTE ON FUNCTION messaging.error_shape(text), messaging.first_uuid_at(timestamptz)
  TO tenantry_gateway, tenantry_signup, tenantry_provisioning, tenantry_billing, tenantry_metering, tenantry_audit,
     tenantry_notification, tenantry_runtime;
ALTER DEFAULT PRIVILEGES FOR ROLE tenantry_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- 2. Secrets are columns: who needs the row does not need them.
REVOKE SELECT ON platform.users FROM tenantry_signup, tenantry_provisioning, tenantry_notification;
GRANT SELECT (user_id, email, first_name, last_name, locale, created_at) ON platform.users
  TO tenantry_signup, tenantry_notification;
GRANT SELECT (user_id) ON platform.users TO tenantry_provisioning;
REVOKE SELECT ON platform.refresh_tokens FROM tenantry_provisioning;
GRANT SELECT (tenant_id, user_id) ON platform.refresh_tokens TO tenantry_provisioning;
REVOKE SELECT ON audit.keys FROM tenantry_analyst;
GRANT SELECT (key_id, tenant_id, created_at, destroyed_at) ON audit.keys TO tenantry_analyst;
REVOKE SELECT ON notification.deliveries FROM tenantry_analyst;
GRANT SELECT (notification_id, tenant_id, event_id, template, channel, locale, state, at) ON notification.deliveries
  TO tenantry_analyst;
REVOKE USAGE ON SCHEMA messaging FROM tenantry_analyst;

-- 3. The relay publishes what lies in the outbox as the platform: a worker puts there the types that it decides on, and
--    retries of its own queue. Only the gateway, which reads what Stripe has signed, may say that somebody has paid.
DO $$
DECLARE
  worker record;
BEGIN
  FOR worker IN
    SELECT * FROM (VALUES
      ('signup', ARRAY['signup.rejected', 'tenant.registered', 'trial.%']),
      ('provisioning', ARRAY['provisioning.%', 'tenant.provisioned', 'tenant.provisioning_failed', 'tenant.deleted',
                             'tenant.erased', 'tenant.access_changed', 'tenant.stream_closed']),
      ('billing', ARRAY['tenant.activated', 'tenant.suspended', 'tenant.cancelled', 'tenant.deletion_due', 'trial.%',
                        'dunning.due', 'payment.overdue', 'invoice.issued', 'plan.changed']),
      ('metering', ARRAY['usage.threshold_reached', 'usage.limit_exceeded', 'usage.period_closed']),
      ('audit', ARRAY[]::text[]),
      ('notification', ARRAY['notification.%'])) AS w (name, types)
  LOOP
    EXECUTE format(
      'CREATE POLICY %I ON messaging.outbox AS RESTRICTIVE FOR INSERT TO %I WITH CHECK ('
      'CASE WHEN exchange = '''' THEN routing_key LIKE %L ELSE type LIKE ANY (%L::text[]) END)',
      'types_of_' || worker.name, 'tenantry_' || worker.name, '%.' || worker.name,
      worker.types || ARRAY['security.event_refused', 'platform.tenant_changed']);
  END LOOP;
END $$;
