-- The audit log by month of recording, so that a month whose retention is over leaves as a whole; and old and new values
-- of what a record changed.
--
-- A tenant's records are recorded in the order of their sequence: the head holds the last one's time, and append
-- refuses to go back behind it. So a month is a range of each tenant's sequence.
ALTER TABLE audit.heads ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT '1970-01-01T00:00:00Z';
ALTER TABLE audit.records RENAME TO records_whole;

CREATE TABLE audit.records (LIKE audit.records_whole INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS,
                            changes jsonb)  -- {"status": {"old": "trial", "new": "active"}}; NULL: it changed no value
  PARTITION BY RANGE (recorded_at);

-- No default partition: to add one beside it, PostgreSQL would read it under a lock that stops every reader. append makes
-- the month it needs.
CREATE FUNCTION audit.ensure_partition(at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  month timestamptz := date_trunc('month', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
  name  text := 'records_' || to_char(at AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
  IF to_regclass('audit.' || quote_ident(name)) IS NOT NULL THEN
    RETURN;
  END IF;
  LOCK TABLE audit.records IN SHARE UPDATE EXCLUSIVE MODE;  -- readers and writers go on
  IF to_regclass('audit.' || quote_ident(name)) IS NOT NULL THEN
    RETURN;  -- somebody else has made it while we waited
  END IF;
  EXECUTE format('CREATE TABLE audit.%I (LIKE audit.records INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
  EXECUTE format('ALTER TABLE audit.records ATTACH PARTITION audit.%I FOR VALUES FROM (%L) TO (%L)', name, month,
                 (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC');
  -- Triggers of rows are the parent's; those of statements, and row-level security, are each table's own.
  EXECUTE format('CREATE TRIGGER records_no_truncate BEFORE TRUNCATE ON audit.%I FOR EACH STATEMENT '
                 'EXECUTE FUNCTION audit.refuse_change()', name);
  EXECUTE format('ALTER TABLE audit.%I ENABLE ALWAYS TRIGGER records_no_truncate', name);
  EXECUTE format('ALTER TABLE audit.%I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('ALTER TABLE audit.%I FORCE ROW LEVEL SECURITY', name);
  EXECUTE format('CREATE POLICY owner_all ON audit.%I TO tenantry_owner USING (true) WITH CHECK (true)', name);
END $$;
REVOKE ALL ON FUNCTION audit.ensure_partition(timestamptz) FROM PUBLIC;

-- A tenant's times as they will have to be: never back.
SELECT audit.ensure_partition(month) FROM (
  SELECT DISTINCT date_trunc('month', recorded_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS month FROM audit.records_whole
) AS months;
INSERT INTO audit.records SELECT *, NULL FROM audit.records_whole;
UPDATE audit.heads h SET recorded_at = r.last FROM (
  SELECT tenant_id, max(recorded_at) AS last FROM audit.records_whole GROUP BY tenant_id
) AS r WHERE r.tenant_id = h.tenant_id;
DROP VIEW analytics.audit_events;
DROP TABLE audit.records_whole;

ALTER TABLE audit.records ADD PRIMARY KEY (tenant_id, sequence, recorded_at);
CREATE INDEX records_by_time ON audit.records (tenant_id, occurred_at DESC, sequence DESC);
CREATE INDEX records_by_type ON audit.records (tenant_id, type, sequence);
CREATE INDEX records_by_actor ON audit.records (tenant_id, actor_id, sequence);
CREATE INDEX records_by_resource ON audit.records (tenant_id, resource, resource_id, sequence);

CREATE TRIGGER records_append_only BEFORE UPDATE OR DELETE ON audit.records
  FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER records_no_truncate BEFORE TRUNCATE ON audit.records
  FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
ALTER TABLE audit.records ENABLE ALWAYS TRIGGER records_append_only;
ALTER TABLE audit.records ENABLE ALWAYS TRIGGER records_no_truncate;

ALTER TABLE audit.records ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.records FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON audit.records TO tenantry_owner USING (true) WITH CHECK (true);
CREATE POLICY workers_all ON audit.records TO tenantry_audit, tenantry_analyst USING (true) WITH CHECK (true);
CREATE POLICY own_tenant ON audit.records TO tenantry_gateway
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), ''));
GRANT SELECT ON audit.records TO tenantry_gateway, tenantry_audit, tenantry_analyst;

CREATE VIEW analytics.audit_events WITH (security_invoker = true) AS
  SELECT tenant_id, sequence, event_id, type, occurred_at, recorded_at, actor_kind, actor_id, actor_ip, actor_agent,
         action, crud, resource, resource_id, outcome, correlation_id, causation_id, source, payload, changes
  FROM audit.records;
COMMENT ON VIEW analytics.audit_events IS 'One row per record of the audit log; sequence is gapless per tenant, from 0';
GRANT SELECT ON analytics.audit_events TO tenantry_analyst;

DROP FUNCTION audit.lock_heads(text[]);
-- Heads are made before any is locked, in tenant order as the locks, so that two batches cannot deadlock.
CREATE FUNCTION audit.lock_heads(tenants text[])
RETURNS TABLE (tenant_id text, size bigint, frontier bytea, recorded_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  IF (SELECT count(*) FROM audit.heads h WHERE h.tenant_id = ANY (tenants)) < cardinality(tenants) THEN
    INSERT INTO audit.heads (tenant_id, size, frontier, updated_at)
      SELECT t, 0, '', now() FROM (SELECT DISTINCT unnest(tenants) AS t ORDER BY 1) AS wanted ON CONFLICT DO NOTHING;
  END IF;
  RETURN QUERY SELECT h.tenant_id, h.size, h.frontier, h.recorded_at FROM audit.heads h
    WHERE h.tenant_id = ANY (tenants) ORDER BY h.tenant_id FOR UPDATE;
END $$;

DROP FUNCTION audit.append(text[], bigint[], uuid[], text[], timestamptz[], timestamptz[], text[], text[], text[], text[],
                           text[], text[], text[], text[], text[], text[], text[], text[], text[], jsonb[], bytea[],
                           bytea[], text[], bigint[], bytea[]);
CREATE FUNCTION audit.append(
  tenants text[], sequences bigint[], event_ids uuid[], types text[], occurred timestamptz[], recorded timestamptz[],
  actor_kinds text[], actor_ids text[], actor_ips text[], actor_agents text[], actions text[], cruds text[],
  resources text[], resource_ids text[], outcomes text[], correlation_ids text[], causation_ids text[],
  sources text[], exchanges text[], payloads jsonb[], changed jsonb[], leaves bytea[], leaf_hashes bytea[],
  head_tenants text[], head_sizes bigint[], head_frontiers bytea[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  many       int := cardinality(tenants);
  many_heads int := cardinality(head_tenants);
  grown      record;
BEGIN
  IF (many, many, many, many, many, many, many, many, many, many, many,
      many, many, many, many, many, many, many, many, many, many, many, many_heads, many_heads)
     IS DISTINCT FROM
     (cardinality(sequences), cardinality(event_ids), cardinality(types), cardinality(occurred), cardinality(recorded),
      cardinality(actor_kinds), cardinality(actor_ids), cardinality(actor_ips), cardinality(actor_agents),
      cardinality(actions), cardinality(cruds), cardinality(resources), cardinality(resource_ids),
      cardinality(outcomes), cardinality(correlation_ids), cardinality(causation_ids), cardinality(sources),
      cardinality(exchanges), cardinality(payloads), cardinality(changed), cardinality(leaves),
      cardinality(leaf_hashes), cardinality(head_sizes), cardinality(head_frontiers)) THEN
    RAISE EXCEPTION 'audit.append: arrays differ in length' USING ERRCODE = 'data_exception';
  END IF;

  -- Records must continue their tenant's head without a gap and not before it in time, and the heads must grow by
  -- exactly them.
  WITH given AS (
    SELECT r.tenant_id, min(r.sequence) AS first, max(r.sequence) AS last, count(DISTINCT r.sequence) AS many,
           min(r.recorded_at) AS earliest, max(r.recorded_at) AS latest
    FROM unnest(tenants, sequences, recorded) AS r (tenant_id, sequence, recorded_at) GROUP BY r.tenant_id
  ), heads AS (
    UPDATE audit.heads h SET size = n.size, frontier = n.frontier, recorded_at = g.latest, updated_at = now()
    FROM unnest(head_tenants, head_sizes, head_frontiers) AS n (tenant_id, size, frontier)
    JOIN given g ON g.tenant_id = n.tenant_id
    WHERE h.tenant_id = n.tenant_id AND h.size = g.first AND n.size = g.last + 1 AND g.last - g.first + 1 = g.many
      AND h.recorded_at <= g.earliest
    RETURNING g.many
  )
  SELECT count(*) AS heads, coalesce(sum(heads.many), 0) AS records INTO grown FROM heads;
  IF grown.heads <> many_heads OR grown.records <> many THEN
    RAISE EXCEPTION 'audit.append: not the next records of one of %', array_to_string(head_tenants, ', ')
      USING ERRCODE = 'data_exception';
  END IF;

  PERFORM audit.ensure_partition(month) FROM (SELECT DISTINCT date_trunc('month', r.at AT TIME ZONE 'UTC')
    AT TIME ZONE 'UTC' AS month FROM unnest(recorded) AS r (at)) AS months;
  INSERT INTO audit.records (tenant_id, sequence, event_id, type, occurred_at, recorded_at, actor_kind, actor_id,
                             actor_ip, actor_agent, action, crud, resource, resource_id, outcome, correlation_id,
                             causation_id, source, exchange, payload, changes, leaf, leaf_hash)
  SELECT * FROM unnest(tenants, sequences, event_ids, types, occurred, recorded, actor_kinds, actor_ids, actor_ips,
                       actor_agents, actions, cruds, resources, resource_ids, outcomes, correlation_ids, causation_ids,
                       sources, exchanges, payloads, changed, leaves, leaf_hashes);
END $$;
REVOKE ALL ON FUNCTION audit.lock_heads(text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION audit.append(text[], bigint[], uuid[], text[], timestamptz[], timestamptz[], text[], text[],
  text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], jsonb[], jsonb[], bytea[],
  bytea[], text[], bigint[], bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.lock_heads(text[]) TO tenantry_audit;
GRANT EXECUTE ON FUNCTION audit.append(text[], bigint[], uuid[], text[], timestamptz[], timestamptz[], text[], text[],
  text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], jsonb[], jsonb[], bytea[],
  bytea[], text[], bigint[], bytea[]) TO tenantry_audit;
