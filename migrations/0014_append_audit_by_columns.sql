-- The same rules as before (0005, 0012), with a batch as one array per column: a JSON document of a batch had to be
-- read four times over, which cost more than storing its records.
DROP FUNCTION audit.append(jsonb, bytea[], bytea[], jsonb, bytea[]);

CREATE FUNCTION audit.append(
  tenants text[], sequences bigint[], event_ids uuid[], types text[], occurred timestamptz[], recorded timestamptz[],
  actor_kinds text[], actor_ids text[], actor_ips text[], actor_agents text[], actions text[], cruds text[],
  resources text[], resource_ids text[], outcomes text[], correlation_ids text[], causation_ids text[],
  sources text[], exchanges text[], payloads jsonb[], leaves bytea[], leaf_hashes bytea[],
  head_tenants text[], head_sizes bigint[], head_frontiers bytea[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  many int := cardinality(tenants);
  bad  text;
BEGIN
  IF EXISTS (SELECT FROM unnest(ARRAY[
       cardinality(sequences), cardinality(event_ids), cardinality(types), cardinality(occurred), cardinality(recorded),
       cardinality(actor_kinds), cardinality(actor_ids), cardinality(actor_ips), cardinality(actor_agents),
       cardinality(actions), cardinality(cruds), cardinality(resources), cardinality(resource_ids),
       cardinality(outcomes), cardinality(correlation_ids), cardinality(causation_ids), cardinality(sources),
       cardinality(exchanges), cardinality(payloads), cardinality(leaves), cardinality(leaf_hashes)]) AS length
       WHERE length IS DISTINCT FROM many)
     OR cardinality(head_sizes) IS DISTINCT FROM cardinality(head_tenants)
     OR cardinality(head_frontiers) IS DISTINCT FROM cardinality(head_tenants) THEN
    RAISE EXCEPTION 'audit.append: arrays differ in length' USING ERRCODE = 'data_exception';
  END IF;

  -- Records must continue their tenant's head without a gap, and the heads must grow by exactly them.
  SELECT string_agg(coalesce(g.tenant_id, n.tenant_id), ', ') INTO bad
  FROM (SELECT r.tenant_id, min(r.sequence) AS first, max(r.sequence) AS last, count(*) AS many,
               count(DISTINCT r.sequence) AS distinct_many
        FROM unnest(tenants, sequences) AS r (tenant_id, sequence) GROUP BY r.tenant_id) g
  FULL JOIN unnest(head_tenants, head_sizes) AS n (tenant_id, size) ON n.tenant_id = g.tenant_id
  LEFT JOIN audit.heads h ON h.tenant_id = g.tenant_id
  WHERE h.size IS DISTINCT FROM g.first OR g.last - g.first + 1 <> g.many OR g.distinct_many <> g.many
     OR n.size IS DISTINCT FROM g.last + 1;
  IF bad IS NOT NULL THEN
    RAISE EXCEPTION 'audit.append: not the next records of %', bad USING ERRCODE = 'data_exception';
  END IF;

  INSERT INTO audit.records (tenant_id, sequence, event_id, type, occurred_at, recorded_at, actor_kind, actor_id,
                             actor_ip, actor_agent, action, crud, resource, resource_id, outcome, correlation_id,
                             causation_id, source, exchange, payload, leaf, leaf_hash)
  SELECT * FROM unnest(tenants, sequences, event_ids, types, occurred, recorded, actor_kinds, actor_ids, actor_ips,
                       actor_agents, actions, cruds, resources, resource_ids, outcomes, correlation_ids, causation_ids,
                       sources, exchanges, payloads, leaves, leaf_hashes);

  UPDATE audit.heads h SET size = n.size, frontier = n.frontier, updated_at = now()
  FROM unnest(head_tenants, head_sizes, head_frontiers) AS n (tenant_id, size, frontier)
  WHERE h.tenant_id = n.tenant_id;
END $$;
REVOKE ALL ON FUNCTION audit.append(
  text[], bigint[], uuid[], text[], timestamptz[], timestamptz[], text[], text[], text[], text[], text[], text[],
  text[], text[], text[], text[], text[], text[], text[], jsonb[], bytea[], bytea[], text[], bigint[], bytea[])
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.append(
  text[], bigint[], uuid[], text[], timestamptz[], timestamptz[], text[], text[], text[], text[], text[], text[],
  text[], text[], text[], text[], text[], text[], text[], jsonb[], bytea[], bytea[], text[], bigint[], bytea[])
  TO tenantry_audit;
