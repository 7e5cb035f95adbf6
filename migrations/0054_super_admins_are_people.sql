-- Super-admins are people: rows of platform.users with a role for all tenants, a second factor always, and sessions of
-- their own, which no tenant's token is good for. TENANTRY_ADMIN_TOKEN stays for the first of them and the command line.
CREATE TABLE platform.admins (
  user_id    uuid        PRIMARY KEY REFERENCES platform.users,
  role       text        NOT NULL CHECK (role IN ('super-admin', 'support', 'analyst')),
  added_at   timestamptz NOT NULL,
  revoked_at timestamptz             -- the row stays, so that names in the audit log resolve
);
CREATE TABLE platform.admin_sessions (
  session_id       uuid        PRIMARY KEY,
  token_hash       bytea       NOT NULL UNIQUE,
  user_id          uuid        NOT NULL REFERENCES platform.admins,
  created_at       timestamptz NOT NULL,
  authenticated_at timestamptz NOT NULL,
  last_seen_at     timestamptz NOT NULL,
  expires_at       timestamptz NOT NULL,  -- however often it is seen
  second_factor    text        NOT NULL CHECK (second_factor IN ('', 'totp', 'recovery_code', 'passkey')),
  user_agent       text        NOT NULL,
  address          text        NOT NULL,
  ended_at         timestamptz
);
CREATE INDEX admin_sessions_by_user ON platform.admin_sessions (user_id);
CREATE INDEX admin_sessions_by_end ON platform.admin_sessions (expires_at);
GRANT SELECT, INSERT, UPDATE ON platform.admins, platform.admin_sessions TO tenantry_gateway;
GRANT SELECT (user_id) ON platform.admins TO tenantry_provisioning;  -- who is one stays when the last company goes

-- A super-admin inside a tenant: a session there, of no member, with a reason; it changes nothing unless it says so.
ALTER TABLE platform.sessions
  ADD COLUMN acting_reason text,
  ADD COLUMN acting_writes boolean NOT NULL DEFAULT false;

INSERT INTO housekeeping.rules (relation, keep, over, reason) VALUES
  ('platform.admin_sessions', '0', 'expires_at < $1', 'logins and their ends are in the audit log');
INSERT INTO housekeeping.rules (relation, reason) VALUES
  ('platform.admins', 'as many as work for the platform');
