-- Schema audit: an append-only log per tenant whose records are leaves of an RFC 6962 tree.
CREATE SCHEMA audit;
REVOKE ALL ON SCHEMA audit FROM PUBLIC;

-- size = number of records = the next sequence; frontier: roots of the perfect subtrees, largest first (32 bytes each).
CREATE TABLE audit.heads (
  tenant_id  text        PRIMARY KEY CHECK (tenant_id <> ''),
  size       bigint      NOT NULL CHECK (size >= 0),
  frontier   bytea       NOT NULL,
  updated_at timestamptz NOT NULL
);

-- leaf holds exactly the bytes that were hashed; every other column is a copy, for queries.
CREATE TABLE audit.records (
  tenant_id      text        NOT NULL CHECK (tenant_id <> ''),
  sequence       bigint      NOT NULL CHECK (sequence >= 0),
  event_id       uuid        NOT NULL,
  type           text        NOT NULL,
  occurred_at    timestamptz NOT NULL,
  recorded_at    timestamptz NOT NULL,
  actor_kind     text        NOT NULL,
  actor_id       text        NOT NULL,
  actor_ip       text        NOT NULL DEFAULT '',
  actor_agent    text        NOT NULL DEFAULT '',
  action         text        NOT NULL,
  crud           text        NOT NULL,
  resource       text        NOT NULL,
  resource_id    text        NOT NULL,
  outcome        text        NOT NULL CHECK (outcome IN ('success', 'failure')),
  correlation_id text        NOT NULL DEFAULT '',
  causation_id   text        NOT NULL DEFAULT '',
  source         text        NOT NULL,
  exchange       text        NOT NULL,
  payload        jsonb,      -- the decoded event; NULL where its type is unknown and its body is not JSON
  leaf           bytea       NOT NULL,
  leaf_hash      bytea       NOT NULL CHECK (length(leaf_hash) = 32),
  xid            xid8        NOT NULL DEFAULT pg_current_xact_id(),
  PRIMARY KEY (tenant_id, sequence)
);
CREATE INDEX records_by_time ON audit.records (tenant_id, occurred_at DESC, sequence DESC);
CREATE INDEX records_by_type ON audit.records (tenant_id, type, sequence);
CREATE INDEX records_by_actor ON audit.records (tenant_id, actor_id, sequence);
CREATE INDEX records_by_resource ON audit.records (tenant_id, resource, resource_id, sequence);

CREATE FUNCTION audit.refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is append-only: % on %.% refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER records_append_only BEFORE UPDATE OR DELETE ON audit.records
  FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER records_no_truncate BEFORE TRUNCATE ON audit.records
  FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
ALTER TABLE audit.records ENABLE ALWAYS TRIGGER records_append_only;
ALTER TABLE audit.records ENABLE ALWAYS TRIGGER records_no_truncate;
CREATE TRIGGER heads_no_delete BEFORE DELETE ON audit.heads
  FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER heads_no_truncate BEFORE TRUNCATE ON audit.heads
  FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
ALTER TABLE audit.heads ENABLE ALWAYS TRIGGER heads_no_delete;
ALTER TABLE audit.heads ENABLE ALWAYS TRIGGER heads_no_truncate;

-- Locks the heads of a batch's tenants, in tenant order so that two batches cannot deadlock.
CREATE FUNCTION audit.lock_heads(tenants text[]) RETURNS TABLE (tenant_id text, size bigint, frontier bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  INSERT INTO audit.heads (tenant_id, size, frontier, updated_at)
    SELECT t, 0, '', now() FROM (SELECT DISTINCT unnest(tenants) AS t ORDER BY 1) AS wanted ON CONFLICT DO NOTHING;
  RETURN QUERY SELECT h.tenant_id, h.size, h.frontier FROM audit.heads h
    WHERE h.tenant_id = ANY (tenants) ORDER BY h.tenant_id FOR UPDATE;
END $$;

-- The only way in. Records must continue their tenant's head without a gap, and the heads must grow by exactly them:
-- the caller computes hashes and frontiers, the database refuses what does not fit.
CREATE FUNCTION audit.append(records jsonb, leaves bytea[], leaf_hashes bytea[], heads jsonb, frontiers bytea[])
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
REVOKE ALL ON FUNCTION audit.lock_heads(text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION audit.append(jsonb, bytea[], bytea[], jsonb, bytea[]) FROM PUBLIC;
