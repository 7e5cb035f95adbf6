-- Sessions are rows: a login is one, and the access and refresh tokens that follow from it are good as long as it is.
-- What was a family of refresh tokens is now the session itself.
CREATE TABLE platform.sessions (
  session_id       uuid        PRIMARY KEY,
  user_id          uuid        NOT NULL REFERENCES platform.users,
  tenant_id        text        NOT NULL REFERENCES platform.tenants,
  created_at       timestamptz NOT NULL,
  authenticated_at timestamptz NOT NULL,  -- when the password was last shown
  last_seen_at     timestamptz NOT NULL,  -- when it last was given tokens
  expires_at       timestamptz NOT NULL,  -- however often it is seen
  user_agent       text        NOT NULL DEFAULT '',
  address          text        NOT NULL DEFAULT '',
  ended_at         timestamptz
);
CREATE INDEX sessions_by_user ON platform.sessions (user_id, tenant_id);
CREATE INDEX sessions_by_end ON platform.sessions (expires_at);
ALTER TABLE platform.sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON platform.sessions TO tenantry_owner USING (true) WITH CHECK (true);
CREATE POLICY workers_all ON platform.sessions TO tenantry_gateway, tenantry_provisioning USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON platform.sessions TO tenantry_gateway;
GRANT SELECT (tenant_id), DELETE ON platform.sessions TO tenantry_provisioning;

INSERT INTO platform.sessions (session_id, user_id, tenant_id, created_at, authenticated_at, last_seen_at, expires_at)
SELECT family, user_id, tenant_id, min(created_at), min(created_at), max(created_at), max(expires_at)
FROM platform.refresh_tokens GROUP BY family, user_id, tenant_id;

INSERT INTO housekeeping.rules (relation, keep, over, reason) VALUES
  ('platform.sessions', '0', 'expires_at < $1', 'logins and their ends are in the audit log');

-- As in 0027, but for sessions, which are no part of a final backup.
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
