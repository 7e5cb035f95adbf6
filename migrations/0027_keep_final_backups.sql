-- A deleted tenant's rows as they were before its resources were released: gzip'ed NDJSON, sealed under the tenant's key,
-- so that its erasure makes this unreadable, too (docs/final-backups.md).

CREATE TABLE provisioning.backups (
  tenant_id   text        PRIMARY KEY CHECK (tenant_id <> ''),
  key_version int         NOT NULL,
  row_count   bigint      NOT NULL CHECK (row_count > 0),
  part_count  int         NOT NULL CHECK (part_count > 0),
  made_at     timestamptz NOT NULL,
  keep_until  timestamptz NOT NULL CHECK (keep_until > made_at)
);
CREATE INDEX backups_by_end ON provisioning.backups (keep_until);
COMMENT ON TABLE provisioning.backups IS 'What is left of deleted tenants'' data, and until when';

CREATE TABLE provisioning.backup_parts (
  tenant_id text  NOT NULL REFERENCES provisioning.backups ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  part      int   NOT NULL CHECK (part >= 0),
  sealed    bytea NOT NULL,
  PRIMARY KEY (tenant_id, part)
);
ALTER TABLE provisioning.backup_parts ALTER COLUMN sealed SET STORAGE EXTERNAL;  -- what is sealed does not compress
COMMENT ON TABLE provisioning.backup_parts IS 'Stretches of one gzip stream, each sealed by itself';

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['backups', 'backup_parts'] LOOP
    EXECUTE format('ALTER TABLE provisioning.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE provisioning.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY owner_all ON provisioning.%I TO tenantry_owner USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY provisioning_all ON provisioning.%I TO tenantry_provisioning USING (true) '
                   'WITH CHECK (true)', name);
  END LOOP;
END $$;
GRANT SELECT, INSERT, DELETE ON provisioning.backups TO tenantry_provisioning;
GRANT SELECT, INSERT ON provisioning.backup_parts TO tenantry_provisioning;

-- Every row of one tenant, as {"table":…,"row":…}: of each table that says whose its rows are, new ones too, but for
-- what is a secret, is kept elsewhere or is over. The tenant is that of app.tenant_id, by which alone its own data can be seen.
CREATE FUNCTION provisioning.rows_of_tenant() RETURNS TABLE (line text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tenant constant text := NULLIF(current_setting('app.tenant_id', true), '');
  place record;
BEGIN
  FOR place IN
    SELECT n.nspname AS schema, c.relname AS name
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND n.nspname IN ('platform', 'billing', 'metering', 'notification', 'tenant_data')
      AND n.nspname || '.' || c.relname NOT IN ('platform.tenant_keys', 'platform.refresh_tokens',
                                                'metering.idempotency_keys')
    ORDER BY n.nspname, c.relname
  LOOP
    RETURN QUERY EXECUTE format('SELECT jsonb_build_object(''table'', %L, ''row'', to_jsonb(t))::text FROM %I.%I t '
                                'WHERE t.tenant_id = $1', place.schema || '.' || place.name, place.schema, place.name)
      USING tenant;
  END LOOP;
  RETURN QUERY SELECT jsonb_build_object('table', 'platform.users', 'row', to_jsonb(u) - 'password_hash')::text
    FROM platform.users u JOIN platform.memberships m ON m.user_id = u.user_id WHERE m.tenant_id = tenant;
END $$;
REVOKE ALL ON FUNCTION provisioning.rows_of_tenant() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION provisioning.rows_of_tenant() TO tenantry_provisioning;
