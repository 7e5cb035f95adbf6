-- What a record says of persons is sealed in its leaf under a key of its tenant's; the columns beside the leaf hold it in
-- the open, for queries. Erasure destroys the key and empties the columns: the log still verifies, and nobody can read
-- who it was. docs/adr/0009 says why the key is the log's own.

-- key_id: the tenant; or, for a signup that has no tenant yet, "signup/<id>". wrapped_key: under the master key; NULL once
-- it is destroyed, so that nobody makes it anew.
CREATE TABLE audit.keys (
  key_id       text        PRIMARY KEY CHECK (key_id <> ''),
  tenant_id    text        NOT NULL,  -- whose log it is
  wrapped_key  bytea,
  created_at   timestamptz NOT NULL DEFAULT now(),
  destroyed_at timestamptz,
  CHECK ((wrapped_key IS NULL) = (destroyed_at IS NOT NULL))
);
ALTER TABLE audit.keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.keys FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON audit.keys TO tenantry_owner USING (true) WITH CHECK (true);
CREATE POLICY workers_all ON audit.keys TO tenantry_audit, tenantry_analyst USING (true);
GRANT SELECT ON audit.keys TO tenantry_audit, tenantry_analyst;

ALTER TABLE audit.heads ADD COLUMN erased_at timestamptz;

CREATE FUNCTION audit.keep_records() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- The one change there is: copies of what is sealed are emptied once its key is destroyed.
  IF TG_OP = 'UPDATE'
     AND (NEW.actor_id, NEW.actor_ip, NEW.actor_agent, NEW.resource_id) = ('', '', '', '')
     AND NEW.payload IS NULL AND NEW.changes IS NULL
     AND (NEW.tenant_id, NEW.sequence, NEW.event_id, NEW.type, NEW.occurred_at, NEW.recorded_at, NEW.actor_kind,
          NEW.action, NEW.crud, NEW.resource, NEW.outcome, NEW.correlation_id, NEW.causation_id, NEW.source,
          NEW.exchange, NEW.leaf, NEW.leaf_hash, NEW.xid)
         IS NOT DISTINCT FROM
         (OLD.tenant_id, OLD.sequence, OLD.event_id, OLD.type, OLD.occurred_at, OLD.recorded_at, OLD.actor_kind,
          OLD.action, OLD.crud, OLD.resource, OLD.outcome, OLD.correlation_id, OLD.causation_id, OLD.source,
          OLD.exchange, OLD.leaf, OLD.leaf_hash, OLD.xid)
     AND EXISTS (SELECT FROM audit.keys k WHERE k.destroyed_at IS NOT NULL AND k.tenant_id = OLD.tenant_id
                 AND k.key_id IN (OLD.tenant_id, 'signup/' || OLD.resource_id)) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'the audit log is append-only: % on %.% refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;
DROP TRIGGER records_append_only ON audit.records;
CREATE TRIGGER records_append_only BEFORE UPDATE OR DELETE ON audit.records
  FOR EACH ROW EXECUTE FUNCTION audit.keep_records();
ALTER TABLE audit.records ENABLE ALWAYS TRIGGER records_append_only;

DROP FUNCTION audit.lock_heads(text[]);
-- Heads are made before any is locked, in tenant order as the locks, so that two batches cannot deadlock. key_known: the
-- tenant has a key, or had one; wrapped_key is NULL where it has none now.
CREATE FUNCTION audit.lock_heads(tenants text[])
RETURNS TABLE (tenant_id text, size bigint, frontier bytea, recorded_at timestamptz, key_known boolean,
               wrapped_key bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  IF (SELECT count(*) FROM audit.heads h WHERE h.tenant_id = ANY (tenants)) < cardinality(tenants) THEN
    INSERT INTO audit.heads (tenant_id, size, frontier, updated_at)
      SELECT t, 0, '', now() FROM (SELECT DISTINCT unnest(tenants) AS t ORDER BY 1) AS wanted ON CONFLICT DO NOTHING;
  END IF;
  -- Locked first and read after: the key is as the last holder of the lock left it.
  PERFORM FROM audit.heads h WHERE h.tenant_id = ANY (tenants) ORDER BY h.tenant_id FOR UPDATE;
  RETURN QUERY SELECT h.tenant_id, h.size, h.frontier, h.recorded_at, k.key_id IS NOT NULL, k.wrapped_key
    FROM audit.heads h LEFT JOIN audit.keys k ON k.key_id = h.tenant_id
    WHERE h.tenant_id = ANY (tenants) ORDER BY h.tenant_id;
END $$;

-- Under the lock of the tenants' heads, so that a key is made once.
CREATE FUNCTION audit.add_keys(key_ids text[], tenants text[], wrapped_keys bytea[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO audit.keys (key_id, tenant_id, wrapped_key) SELECT * FROM unnest(key_ids, tenants, wrapped_keys)
$$;

-- Makes what the log says of a deleted tenant's people unreadable, for good.
CREATE FUNCTION audit.erase(tenant text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  signups text[];
BEGIN
  SELECT coalesce(array_agg(signup_id::text), '{}') INTO signups FROM platform.signups WHERE tenant_id = tenant;
  PERFORM audit.lock_heads(ARRAY[tenant]);
  UPDATE audit.heads SET erased_at = now() WHERE tenant_id = tenant AND erased_at IS NULL;
  INSERT INTO audit.keys (key_id, tenant_id, wrapped_key, destroyed_at) VALUES (tenant, tenant, NULL, now())
    ON CONFLICT DO NOTHING;
  UPDATE audit.keys SET wrapped_key = NULL, destroyed_at = now() WHERE destroyed_at IS NULL
    AND (key_id = tenant OR key_id IN (SELECT 'signup/' || s FROM unnest(signups) AS s));
  UPDATE audit.records SET actor_id = '', actor_ip = '', actor_agent = '', resource_id = '', payload = NULL,
                           changes = NULL WHERE tenant_id = tenant;
  UPDATE audit.records SET actor_id = '', actor_ip = '', actor_agent = '', resource_id = '', payload = NULL,
                           changes = NULL WHERE tenant_id = 'platform' AND resource = 'signup' AND resource_id = ANY (signups);
END $$;

-- A tenant that is deleted is forgotten: what is left says that there was one, when, and what it paid.
CREATE FUNCTION platform.erase_tenant(tenant text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM platform.tenants WHERE tenant_id = tenant AND status = 'deleted' FOR UPDATE;
  IF NOT FOUND OR EXISTS (SELECT FROM audit.heads WHERE tenant_id = tenant AND erased_at IS NOT NULL) THEN
    RETURN false;
  END IF;
  PERFORM audit.erase(tenant);
  DELETE FROM platform.tenant_keys WHERE tenant_id = tenant;
  UPDATE platform.tenants SET company_name = '', company_email = '', status_note = '', custom_domain = NULL
    WHERE tenant_id = tenant;
  UPDATE platform.lifecycle_history SET reason = '' WHERE tenant_id = tenant AND reason <> '';
  DELETE FROM platform.idempotency_keys WHERE response LIKE '%"' || tenant || '"%';
  DELETE FROM platform.holds WHERE tenant_id = tenant;
  UPDATE notification.deliveries SET recipient = '', error = '' WHERE tenant_id = tenant;
  DELETE FROM metering.unique_members WHERE tenant_id = tenant;
  DELETE FROM metering.idempotency_keys WHERE tenant_id = tenant;
  DELETE FROM messaging.dead_letters WHERE tenant_id = tenant;
  UPDATE billing.stripe_events SET body = '' WHERE tenant_id = tenant;
  UPDATE billing.invoices SET url = '' WHERE tenant_id = tenant;
  UPDATE provisioning.steps SET error = '' WHERE tenant_id = tenant;
  UPDATE provisioning.sagas SET error = '' WHERE tenant_id = tenant;
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION audit.lock_heads(text[]), audit.add_keys(text[], text[], bytea[]), audit.erase(text),
  platform.erase_tenant(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.lock_heads(text[]), audit.add_keys(text[], text[], bytea[]) TO tenantry_audit;
GRANT EXECUTE ON FUNCTION platform.erase_tenant(text) TO tenantry_provisioning;
