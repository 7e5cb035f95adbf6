-- Keys by which machines act for a tenant. A key is the tenant's, not of who made it. What is stored of a secret is its
-- SHA-256: 256 random bits need no slow hash.
CREATE TABLE platform.api_keys (
  key_id            uuid        PRIMARY KEY,
  tenant_id         text        NOT NULL REFERENCES platform.tenants,
  public_id         text        NOT NULL UNIQUE CHECK (public_id ~ '^[0-9A-Za-z]{8}$'),  -- what it is found by
  secret_hash       bytea       NOT NULL,
  name              text        NOT NULL,
  permissions       text[]      NOT NULL CHECK (cardinality(permissions) BETWEEN 1 AND 200),
  networks          text[]      NOT NULL CHECK (cardinality(networks) <= 20),  -- it may come from; none: from anywhere
  created_by        uuid        NOT NULL,  -- who answers for it: who made it, or gave it its present secret
  created_at        timestamptz NOT NULL,
  expires_at        timestamptz,           -- NULL: never
  revoked_at        timestamptz,
  secret_used_at    timestamptz,           -- the present secret, first
  former_hash       bytea,                 -- the secret before
  former_ends_at    timestamptz,
  used_at           timestamptz,           -- last, a minute late at most
  used_from         text        NOT NULL DEFAULT '',
  uses              bigint      NOT NULL DEFAULT 0,
  CHECK ((former_hash IS NULL) = (former_ends_at IS NULL))
);
CREATE INDEX api_keys_by_tenant ON platform.api_keys (tenant_id, created_at, key_id);
CREATE INDEX api_keys_by_end ON platform.api_keys ((least(revoked_at, expires_at)));
ALTER TABLE platform.api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON platform.api_keys TO tenantry_owner USING (true) WITH CHECK (true);
CREATE POLICY workers_all ON platform.api_keys TO tenantry_gateway, tenantry_provisioning USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON platform.api_keys TO tenantry_gateway;
GRANT SELECT (tenant_id), DELETE ON platform.api_keys TO tenantry_provisioning;

INSERT INTO housekeeping.rules (relation, keep, over, reason) VALUES
  ('platform.api_keys', '400 days', 'least(revoked_at, expires_at) < $1', 'what was done by a key is in the audit log');

-- As in 0044, but for keys, which are no part of a final backup.
CREATE OR REPLACE FUNCTION provisioning.rows_of_tenant() RETURNS TABLE (line text)
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
      AND n.nspname || '.' || c.relname NOT IN ('platform.tenant_keys', 'platform.refresh_tokens', 'platform.sessions',
                                                'platform.api_keys', 'metering.idempotency_keys')
    ORDER BY n.nspname, c.relname
  LOOP
    RETURN QUERY EXECUTE format('SELECT jsonb_build_object(''table'', %L, ''row'', to_jsonb(t))::text FROM %I.%I t '
                                'WHERE t.tenant_id = $1', place.schema || '.' || place.name, place.schema, place.name)
      USING tenant;
  END LOOP;
  RETURN QUERY SELECT jsonb_build_object('table', 'platform.users', 'row', to_jsonb(u) - 'password_hash')::text
    FROM platform.users u JOIN platform.memberships m ON m.user_id = u.user_id WHERE m.tenant_id = tenant;
END $$;
