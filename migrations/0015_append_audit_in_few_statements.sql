-- The same rules as before (0005, 0014) in half the statements: what a batch of one costs, a quiet minute costs.

-- Heads are made before any is locked, in tenant order as the locks, so that two batches cannot deadlock.
CREATE OR REPLACE FUNCTION audit.lock_heads(tenants text[]) RETURNS TABLE (tenant_id text, size bigint, frontier bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  IF (SELECT count(*) FROM audit.heads h WHERE h.tenant_id = ANY (tenants)) < cardinality(tenants) THEN
    INSERT INTO audit.heads (tenant_id, size, frontier, updated_at)
      SELECT t, 0, '', now() FROM (SELECT DISTINCT unnest(tenants) AS t ORDER BY 1) AS wanted ON CONFLICT DO NOTHING;
  END IF;
  RETURN QUERY SELECT h.tenant_id, h.size, h.frontier FROM audit.heads h
    WHERE h.tenant_id = ANY (tenants) ORDER BY h.tenant_id FOR UPDATE;
END $$;

CREATE OR REPLACE FUNCTION audit.append(
  tenants text[], sequences bigint[], event_ids uuid[], types text[], occurred timestamptz[], recorded timestamptz[],
  actor_kinds text[], actor_ids text[], actor_ips text[], actor_agents text[], actions text[], cruds text[],
  resources text[], resource_ids text[], outcomes text[], correlation_ids text[], causation_ids text[],
  sources text[], exchanges text[], payloads jsonb[], leaves bytea[], leaf_hashes bytea[],
  head_tenants text[], head_sizes bigint[], head_frontiers bytea[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  many       int := cardinality(tenants);
  many_heads int := cardinality(head_tenants);
  grown      record;
BEGIN
  IF (many, many, many, many, many, many, many, many, many, many, many,
      many, many, many, many, many, many, many, many, many, many, many_heads, many_heads)
     IS DISTINCT FROM
     (cardinality(sequences), cardinality(event_ids), cardinality(types), cardinality(occurred), cardinality(recorded),
      cardinality(actor_kinds), cardinality(actor_ids), cardinality(actor_ips), cardinality(actor_agents),
      cardinality(actions), cardinality(cruds), cardinality(resources), cardinality(resource_ids),
      cardinality(outcomes), cardinality(correlation_ids), cardinality(causation_ids), cardinality(sources),
      cardinality(exchanges), cardinality(payloads), cardinality(leaves), cardinality(leaf_hashes),
      cardinality(head_sizes), cardinality(head_frontiers)) THEN
    RAISE EXCEPTION 'audit.append: arrays differ in length' USING ERRCODE = 'data_exception';
  END IF;

  -- Records must continue their tenant's head without a gap, and the heads must grow by exactly them. That no sequence
  -- is given twice is the primary key's to say.
  WITH given AS (
    SELECT r.tenant_id, min(r.sequence) AS first, max(r.sequence) AS last, count(*) AS many
    FROM unnest(tenants, sequences) AS r (tenant_id, sequence) GROUP BY r.tenant_id
  ), heads AS (
    UPDATE audit.heads h SET size = n.size, frontier = n.frontier, updated_at = now()
    FROM unnest(head_tenants, head_sizes, head_frontiers) AS n (tenant_id, size, frontier)
    JOIN given g ON g.tenant_id = n.tenant_id
    WHERE h.tenant_id = n.tenant_id AND h.size = g.first AND n.size = g.last + 1 AND g.last - g.first + 1 = g.many
    RETURNING g.many
  )
  SELECT count(*) AS heads, coalesce(sum(heads.many), 0) AS records INTO grown FROM heads;
  IF grown.heads <> many_heads OR grown.records <> many THEN
    RAISE EXCEPTION 'audit.append: not the next records of one of %', array_to_string(head_tenants, ', ')
      USING ERRCODE = 'data_exception';
  END IF;

  INSERT INTO audit.records (tenant_id, sequence, event_id, type, occurred_at, recorded_at, actor_kind, actor_id,
                             actor_ip, actor_agent, action, crud, resource, resource_id, outcome, correlation_id,
                             causation_id, source, exchange, payload, leaf, leaf_hash)
  SELECT * FROM unnest(tenants, sequences, event_ids, types, occurred, recorded, actor_kinds, actor_ids, actor_ips,
                       actor_agents, actions, cruds, resources, resource_ids, outcomes, correlation_ids, causation_ids,
                       sources, exchanges, payloads, leaves, leaf_hashes);
END $$;
