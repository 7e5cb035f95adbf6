-- What a tenant stores with us, which its plan limits and nobody measured: the records of its audit log that are not archived
-- (the bytes that are hashed, which hold each event whole) and its clients (as they lie). What is read again is only what came
-- since: a log's records are there for good until their month is archived whole.
CREATE TABLE metering.stored (
  tenant_id     text        PRIMARY KEY CHECK (tenant_id <> ''),
  bytes         bigint      NOT NULL DEFAULT 0,
  told_bytes    bigint      NOT NULL DEFAULT 0,  -- that the last event said
  next_sequence bigint      NOT NULL DEFAULT 0,  -- of the audit log: what was read so far
  measured_at   timestamptz NOT NULL
);
CREATE INDEX stored_by_age ON metering.stored (measured_at);
CREATE TABLE metering.stored_months (
  tenant_id text   NOT NULL CHECK (tenant_id <> ''),
  month     date   NOT NULL,
  bytes     bigint NOT NULL,
  PRIMARY KEY (tenant_id, month)
);
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['stored', 'stored_months'] LOOP
    EXECUTE format('ALTER TABLE metering.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE metering.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY owner_all ON metering.%I TO tenantry_owner USING (true) WITH CHECK (true)', name);
  END LOOP;
END $$;
CREATE POLICY workers_all ON metering.stored TO tenantry_billing USING (true);
CREATE POLICY own_tenant ON metering.stored TO tenantry_gateway
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), ''));
GRANT SELECT (tenant_id, bytes) ON metering.stored TO tenantry_gateway, tenantry_billing;
INSERT INTO housekeeping.rules (relation, reason) VALUES
  ('metering.stored', 'one row a tenant, until it is measured as deleted'),
  ('metering.stored_months', 'one row a tenant and month whose records are not archived');

-- Measures up to `tenants_max` tenants that were not measured for `every`, the longest ago first, in a few statements for all
-- of them; two at once take different ones. Of those whose storage is now another by `telling` bytes and more: how much it is.
-- Of a log at most ten thousand records are read at once; one that has more is due again until it is read to its end.
CREATE FUNCTION metering.measure_storage(at timestamptz, every interval, tenants_max int, telling bigint)
RETURNS TABLE (tenant_id text, bytes bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  due text[];
  whole text[];
BEGIN
  -- Who was never measured is due; who is gone stores nothing that a plan limits.
  INSERT INTO metering.stored (tenant_id, measured_at)
    SELECT t.tenant_id, '-infinity' FROM platform.tenants t
    WHERE t.status <> 'deleted' AND NOT EXISTS (SELECT FROM metering.stored s WHERE s.tenant_id = t.tenant_id)
    LIMIT tenants_max ON CONFLICT DO NOTHING;
  due := ARRAY(SELECT s.tenant_id FROM metering.stored s WHERE s.measured_at <= at - every
               ORDER BY s.measured_at LIMIT tenants_max FOR UPDATE SKIP LOCKED);
  IF cardinality(due) = 0 THEN
    RETURN;
  END IF;
  DELETE FROM metering.stored_months m USING platform.tenants t
    WHERE m.tenant_id = ANY (due) AND t.tenant_id = m.tenant_id AND t.status = 'deleted';
  DELETE FROM metering.stored s USING platform.tenants t
    WHERE s.tenant_id = ANY (due) AND t.tenant_id = s.tenant_id AND t.status = 'deleted';
  -- Of each log that grew its end, by the index: joined as a whole, a planner might read all logs for it.
  WITH ends AS (
    SELECT s.tenant_id, s.next_sequence AS first, least(h.size, s.next_sequence + 10000) AS past
    FROM metering.stored s JOIN audit.heads h ON h.tenant_id = s.tenant_id AND h.size > s.next_sequence
    WHERE s.tenant_id = ANY (due)
  ), came AS (
    SELECT n.tenant_id, e.month, e.bytes
    FROM ends n CROSS JOIN LATERAL (
      SELECT date_trunc('month', r.recorded_at AT TIME ZONE 'UTC')::date AS month, sum(octet_length(r.leaf))::bigint AS bytes
      FROM audit.records r WHERE r.tenant_id = n.tenant_id AND r.sequence >= n.first AND r.sequence < n.past GROUP BY 1
    ) e
  ), kept AS (
    INSERT INTO metering.stored_months AS m (tenant_id, month, bytes) SELECT c.tenant_id, c.month, c.bytes FROM came c
    ON CONFLICT (tenant_id, month) DO UPDATE SET bytes = m.bytes + excluded.bytes
  )
  UPDATE metering.stored s SET next_sequence = n.past FROM ends n WHERE n.tenant_id = s.tenant_id;
  whole := ARRAY(SELECT s.tenant_id FROM metering.stored s LEFT JOIN audit.heads h ON h.tenant_id = s.tenant_id
                 WHERE s.tenant_id = ANY (due) AND s.next_sequence >= coalesce(h.size, 0));
  DELETE FROM metering.stored_months m USING audit.archives a
    WHERE m.tenant_id = ANY (due) AND a.tenant_id = m.tenant_id AND a.month = m.month;
  UPDATE metering.stored s SET measured_at = at, bytes =
      coalesce((SELECT sum(m.bytes) FROM metering.stored_months m WHERE m.tenant_id = s.tenant_id), 0)
      + coalesce((SELECT sum(pg_column_size(c)) FROM tenant_data.clients c WHERE c.tenant_id = s.tenant_id), 0)
    WHERE s.tenant_id = ANY (whole);
  RETURN QUERY UPDATE metering.stored s SET told_bytes = s.bytes
    WHERE s.tenant_id = ANY (whole) AND abs(s.bytes - s.told_bytes) >= telling RETURNING s.tenant_id, s.bytes;
END $$;
REVOKE ALL ON FUNCTION metering.measure_storage(timestamptz, interval, int, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION metering.measure_storage(timestamptz, interval, int, bigint) TO tenantry_gateway;

-- What was measured is what is there, as users and clients are counted where they are.
CREATE OR REPLACE FUNCTION platform.count_of(tenant text, of_metric text, at timestamptz)
RETURNS TABLE (used bigint, taken bigint) LANGUAGE sql STABLE AS $$
  SELECT m.members, m.members + (SELECT count(*) FROM platform.invitations i
                                 WHERE i.tenant_id = tenant AND i.state = 'pending' AND i.expires_at > at)
  FROM (SELECT count(*) AS members FROM platform.memberships s WHERE s.tenant_id = tenant AND s.state = 'active') m
  WHERE of_metric = 'users'
  UNION ALL
  SELECT c.clients, c.clients
  FROM (SELECT count(*) AS clients FROM tenant_data.clients c WHERE c.tenant_id = tenant) c
  WHERE of_metric = 'clients'
  UNION ALL
  SELECT s.bytes, s.bytes FROM metering.stored s WHERE s.tenant_id = tenant AND of_metric = 'storage_bytes'
$$;

-- Whether a limit is hard: past it the platform refuses. Past a soft one everything goes on, and the tenant's owners are told,
-- at 80 %, at 100 % and past it, once a period each.
ALTER TABLE metering.metrics ADD COLUMN hard boolean NOT NULL DEFAULT false;
UPDATE metering.metrics SET hard = true WHERE metric IN ('api_calls', 'users', 'clients');
