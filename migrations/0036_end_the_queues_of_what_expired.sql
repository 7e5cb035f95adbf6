-- What expired in a tenant's queues waits in queues of its own, whose last event provisioning puts straight into each: the
-- only event that a worker may put into another's queue (migration 28).
ALTER POLICY types_of_provisioning ON messaging.outbox WITH CHECK (
  CASE WHEN exchange = ''
    THEN routing_key LIKE '%.provisioning' OR (type = 'tenant.stream_closed' AND routing_key LIKE '%.expired')
    ELSE type LIKE ANY (ARRAY['provisioning.%', 'tenant.provisioned', 'tenant.provisioning_failed', 'tenant.deleted',
                              'tenant.erased', 'tenant.access_changed', 'tenant.stream_closed', 'security.event_refused',
                              'platform.tenant_changed'])
  END);
