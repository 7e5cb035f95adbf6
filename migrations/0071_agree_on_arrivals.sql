-- When an event came that does not say when it happened (CloudEvents: time is optional). Each worker takes it from a queue of
-- its own at a moment of its own: whoever is first says when, for all of them, for later tries and for a redrive. Otherwise
-- usage at the turn of a month is in one month for metering and in the next for the audit log.
CREATE TABLE messaging.arrivals (
  event_id uuid        PRIMARY KEY,
  at       timestamptz NOT NULL
);
CREATE INDEX arrivals_by_age ON messaging.arrivals (at);
CREATE INDEX dead_letters_by_event ON messaging.dead_letters (event_id);

INSERT INTO housekeeping.rules (relation, keep, over, batch_rows, reason) VALUES
  ('messaging.arrivals', '40 days',
   'at < $1 AND NOT EXISTS (SELECT FROM messaging.dead_letters d WHERE d.event_id = arrivals.event_id)', 20000,
   'an event is known again for 40 days, and a dead letter can be sent again for as long as it is there');

GRANT SELECT, INSERT ON messaging.arrivals TO tenantry_signup, tenantry_provisioning, tenantry_billing, tenantry_metering,
  tenantry_audit, tenantry_notification;

-- Each new worker has the same right.
CREATE OR REPLACE FUNCTION platform.admit_worker(worker text, types text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  role text := 'tenantry_' || worker;
  shared text;
BEGIN
  IF worker !~ '^[a-z]+$' THEN
    RAISE 'a worker is called by a word of a-z, not %', worker;
  END IF;
  EXECUTE format('GRANT USAGE ON SCHEMA platform, messaging TO %I', role);
  EXECUTE format('GRANT SELECT, INSERT ON messaging.inbox, messaging.arrivals TO %I', role);
  EXECUTE format('GRANT SELECT, INSERT, DELETE ON messaging.outbox TO %I', role);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE ON messaging.dead_letters TO %I', role);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.attempts TO %I', role);
  EXECUTE format('GRANT SELECT ON platform.clock, platform.tenants, platform.plans, platform.overrides, platform.holds TO %I',
                 role);
  EXECUTE format('GRANT EXECUTE ON FUNCTION messaging.error_shape(text), messaging.first_uuid_at(timestamptz) TO %I', role);
  FOR shared IN
    SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relrowsecurity AND c.oid IN ('messaging.outbox'::regclass, 'messaging.dead_letters'::regclass,
                                         'messaging.attempts'::regclass, 'platform.tenants'::regclass,
                                         'platform.overrides'::regclass, 'platform.holds'::regclass)
  LOOP
    EXECUTE format('CREATE POLICY %I ON %s TO %I USING (true) WITH CHECK (true)', 'all_of_' || worker, shared, role);
  END LOOP;
  EXECUTE format(
    'CREATE POLICY %I ON messaging.outbox AS RESTRICTIVE FOR INSERT TO %I WITH CHECK ('
    'CASE WHEN exchange = '''' THEN routing_key LIKE %L ELSE type LIKE ANY (%L::text[]) END)',
    'types_of_' || worker, role, '%.' || worker, types || ARRAY['security.event_refused', 'platform.tenant_changed']);
END $$;
