-- A head may move only by the records of the same call: one that came without any was taken as it stood, so a mistake
-- (or whoever holds the audit worker's login) could have set another tenant's head back or forth.
CREATE OR REPLACE FUNCTION audit.append(records jsonb, leaves bytea[], leaf_hashes bytea[], heads jsonb, frontiers bytea[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  bad text;
BEGIN
  IF cardinality(leaves) <> jsonb_array_length(records) OR cardinality(leaf_hashes) <> jsonb_array_length(records)
     OR cardinality(frontiers) <> jsonb_array_length(heads) THEN
    RAISE EXCEPTION 'audit.append: arrays differ in length' USING ERRCODE = 'data_exception';
  END IF;

  SELECT string_agg(g.tenant_id, ', ') INTO bad
  FROM (SELECT r.tenant_id, min(r.sequence) AS first, max(r.sequence) AS last, count(*) AS many
        FROM jsonb_to_recordset(records) AS r (tenant_id text, sequence bigint) GROUP BY r.tenant_id) g
  LEFT JOIN audit.heads h ON h.tenant_id = g.tenant_id
  LEFT JOIN jsonb_to_recordset(heads) AS n (tenant_id text, size bigint) ON n.tenant_id = g.tenant_id
  WHERE h.size IS DISTINCT FROM g.first OR g.last - g.first + 1 <> g.many OR n.size IS DISTINCT FROM g.last + 1;
  IF bad IS NOT NULL THEN
    RAISE EXCEPTION 'audit.append: not the next records of %', bad USING ERRCODE = 'data_exception';
  END IF;

  SELECT string_agg(n.tenant_id, ', ') INTO bad
  FROM jsonb_to_recordset(heads) AS n (tenant_id text)
  WHERE NOT EXISTS (SELECT FROM jsonb_to_recordset(records) AS r (tenant_id text) WHERE r.tenant_id = n.tenant_id);
  IF bad IS NOT NULL THEN
    RAISE EXCEPTION 'audit.append: a head without records of %', bad USING ERRCODE = 'data_exception';
  END IF;

  INSERT INTO audit.records (tenant_id, sequence, event_id, type, occurred_at, recorded_at, actor_kind, actor_id,
                             actor_ip, actor_agent, action, crud, resource, resource_id, outcome, correlation_id,
                             causation_id, source, exchange, payload, leaf, leaf_hash)
  SELECT r.tenant_id, r.sequence, r.event_id, r.type, r.occurred_at, r.recorded_at, r.actor_kind, r.actor_id,
         r.actor_ip, r.actor_agent, r.action, r.crud, r.resource, r.resource_id, r.outcome, r.correlation_id,
         r.causation_id, r.source, r.exchange, r.payload, leaves[r.position], leaf_hashes[r.position]
  FROM jsonb_to_recordset(records) AS r (
    position int, tenant_id text, sequence bigint, event_id uuid, type text, occurred_at timestamptz,
    recorded_at timestamptz, actor_kind text, actor_id text, actor_ip text, actor_agent text, action text, crud text,
    resource text, resource_id text, outcome text, correlation_id text, causation_id text, source text, exchange text,
    payload jsonb);

  UPDATE audit.heads h SET size = n.size, frontier = frontiers[n.position], updated_at = now()
  FROM jsonb_to_recordset(heads) AS n (position int, tenant_id text, size bigint)
  WHERE h.tenant_id = n.tenant_id;
END $$;
