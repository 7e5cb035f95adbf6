-- Inner nodes of the audit trees at levels 8, 16, 24, ...: with them a proof reads a few short ranges instead of the log.
-- hash is the root of the perfect subtree over the records [index << level, (index + 1) << level); level 0 is
-- audit.records.leaf_hash.
CREATE TABLE audit.nodes (
  tenant_id text     NOT NULL CHECK (tenant_id <> ''),
  level     smallint NOT NULL CHECK (level > 0 AND level < 64 AND level % 8 = 0),
  index     bigint   NOT NULL CHECK (index >= 0),
  hash      bytea    NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (tenant_id, level, index)
);
COMMENT ON TABLE audit.nodes IS 'Inner nodes of the audit trees at every eighth level';

-- Of logs that exist: each level from the one below it.
CREATE FUNCTION audit.perfect_root(hashes bytea[]) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  WHILE cardinality(hashes) > 1 LOOP
    hashes := ARRAY(SELECT sha256('\x01'::bytea || hashes[2 * i - 1] || hashes[2 * i])
                    FROM generate_series(1, cardinality(hashes) / 2) AS i ORDER BY i);
  END LOOP;
  RETURN hashes[1];
END $$;

INSERT INTO audit.nodes (tenant_id, level, index, hash)
  SELECT tenant_id, 8, sequence >> 8, audit.perfect_root(array_agg(leaf_hash ORDER BY sequence))
  FROM audit.records GROUP BY tenant_id, sequence >> 8 HAVING count(*) = 256;
DO $$
BEGIN
  FOR below IN 8..48 BY 8 LOOP
    INSERT INTO audit.nodes (tenant_id, level, index, hash)
      SELECT tenant_id, below + 8, index >> 8, audit.perfect_root(array_agg(hash ORDER BY index))
      FROM audit.nodes WHERE level = below GROUP BY tenant_id, index >> 8 HAVING count(*) = 256;
    EXIT WHEN NOT FOUND;
  END LOOP;
END $$;
DROP FUNCTION audit.perfect_root(bytea[]);

CREATE TRIGGER nodes_append_only BEFORE UPDATE OR DELETE ON audit.nodes
  FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER nodes_no_truncate BEFORE TRUNCATE ON audit.nodes
  FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
ALTER TABLE audit.nodes ENABLE ALWAYS TRIGGER nodes_append_only;
ALTER TABLE audit.nodes ENABLE ALWAYS TRIGGER nodes_no_truncate;

ALTER TABLE audit.nodes ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.nodes FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON audit.nodes TO tenantry_owner USING (true) WITH CHECK (true);
CREATE POLICY workers_all ON audit.nodes TO tenantry_audit USING (true) WITH CHECK (true);
CREATE POLICY own_tenant ON audit.nodes TO tenantry_gateway
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), ''));
GRANT SELECT ON audit.nodes TO tenantry_gateway, tenantry_audit;

DROP FUNCTION audit.append(text[], bigint[], uuid[], text[], timestamptz[], timestamptz[], text[], text[], text[], text[],
                           text[], text[], text[], text[], text[], text[], text[], text[], text[], jsonb[], jsonb[],
                           bytea[], bytea[], text[], bigint[], bytea[]);

CREATE FUNCTION audit.append(
  tenants text[], sequences bigint[], event_ids uuid[], types text[], occurred timestamptz[], recorded timestamptz[],
  actor_kinds text[], actor_ids text[], actor_ips text[], actor_agents text[], actions text[], cruds text[],
  resources text[], resource_ids text[], outcomes text[], correlation_ids text[], causation_ids text[],
  sources text[], exchanges text[], payloads jsonb[], changed jsonb[], leaves bytea[], leaf_hashes bytea[],
  head_tenants text[], head_sizes bigint[], head_frontiers bytea[],
  node_tenants text[], node_levels bigint[], node_indexes bigint[], node_hashes bytea[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  many       int := cardinality(tenants);
  many_heads int := cardinality(head_tenants);
  many_nodes int := cardinality(node_tenants);
  grown      record;
BEGIN
  IF (many, many, many, many, many, many, many, many, many, many, many,
      many, many, many, many, many, many, many, many, many, many, many, many_heads, many_heads,
      many_nodes, many_nodes, many_nodes)
     IS DISTINCT FROM
     (cardinality(sequences), cardinality(event_ids), cardinality(types), cardinality(occurred), cardinality(recorded),
      cardinality(actor_kinds), cardinality(actor_ids), cardinality(actor_ips), cardinality(actor_agents),
      cardinality(actions), cardinality(cruds), cardinality(resources), cardinality(resource_ids),
      cardinality(outcomes), cardinality(correlation_ids), cardinality(causation_ids), cardinality(sources),
      cardinality(exchanges), cardinality(payloads), cardinality(changed), cardinality(leaves),
      cardinality(leaf_hashes), cardinality(head_sizes), cardinality(head_frontiers),
      cardinality(node_levels), cardinality(node_indexes), cardinality(node_hashes)) THEN
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
    RETURNING g.many, CASE WHEN n.size >> 8 = g.first >> 8 THEN 0 ELSE (
      SELECT sum((n.size >> level) - (g.first >> level)) FROM generate_series(8, 56, 8) AS level) END AS nodes
  )
  SELECT count(*) AS heads, coalesce(sum(heads.many), 0) AS records, coalesce(sum(heads.nodes), 0) AS nodes
  INTO grown FROM heads;
  IF grown.heads <> many_heads OR grown.records <> many THEN
    RAISE EXCEPTION 'audit.append: not the next records of one of %', array_to_string(head_tenants, ', ')
      USING ERRCODE = 'data_exception';
  END IF;

  -- Exactly the nodes that these records complete: as many as there must be, each in a place where one must be, none
  -- twice (the key's rule).
  IF many_nodes > 0 THEN
    INSERT INTO audit.nodes (tenant_id, level, index, hash)
    SELECT n.tenant_id, n.level, n.index, n.hash
    FROM unnest(node_tenants, node_levels, node_indexes, node_hashes) AS n (tenant_id, level, index, hash)
    JOIN (SELECT r.tenant_id, min(r.sequence) AS first, max(r.sequence) + 1 AS size
          FROM unnest(tenants, sequences) AS r (tenant_id, sequence) GROUP BY r.tenant_id) AS g
      ON g.tenant_id = n.tenant_id AND n.level BETWEEN 8 AND 56 AND n.level % 8 = 0
      AND n.index >= (g.first >> n.level::int) AND n.index < (g.size >> n.level::int);
    GET DIAGNOSTICS many_nodes = ROW_COUNT;
  END IF;
  IF many_nodes <> grown.nodes OR many_nodes <> cardinality(node_tenants) THEN
    RAISE EXCEPTION 'audit.append: not the nodes that the records of % complete', array_to_string(head_tenants, ', ')
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
REVOKE ALL ON FUNCTION audit.append(text[], bigint[], uuid[], text[], timestamptz[], timestamptz[], text[], text[],
  text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], jsonb[], jsonb[], bytea[],
  bytea[], text[], bigint[], bytea[], text[], bigint[], bigint[], bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.append(text[], bigint[], uuid[], text[], timestamptz[], timestamptz[], text[], text[],
  text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], jsonb[], jsonb[], bytea[],
  bytea[], text[], bigint[], bytea[], text[], bigint[], bigint[], bytea[]) TO tenantry_audit;
