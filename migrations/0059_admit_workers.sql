-- What every worker does, as one call for the next: it takes events once (inbox), says others (outbox), sets aside what it
-- cannot take (dead letters, attempts), and reads the shared clock and tenants' standing. Its own tables are its own
-- migration's to grant (docs/adding-a-worker.md).
--
-- `types`: of the events that it decides on, as LIKE patterns; the relay publishes what lies in the outbox as the
-- platform, so nothing else is taken from it but retries of its own queue.
CREATE FUNCTION platform.admit_worker(worker text, types text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  role text := 'tenantry_' || worker;
  shared text;
BEGIN
  IF worker !~ '^[a-z]+$' THEN
    RAISE 'a worker is called by a word of a-z, not %', worker;
  END IF;
  EXECUTE format('GRANT USAGE ON SCHEMA platform, messaging TO %I', role);
  EXECUTE format('GRANT SELECT, INSERT ON messaging.inbox TO %I', role);
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
