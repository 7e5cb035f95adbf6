-- A browser shows its session by a cookie (ADR 28): the session is found by the cookie's hash, and the cookie is good as
-- long as the session is.
ALTER TABLE platform.sessions ADD COLUMN cookie_hash bytea UNIQUE;

-- Super-admins at the console: who came with a super-admin's token, and the name that was given for the record.
CREATE TABLE platform.admin_cookies (
  cookie_hash     bytea       PRIMARY KEY,
  admin           text        NOT NULL,  -- which token, by its name
  credential_hash bytea       NOT NULL,  -- of the token: another under the same name ends the session
  person          text        NOT NULL,
  created_at      timestamptz NOT NULL,
  last_seen_at    timestamptz NOT NULL,
  expires_at      timestamptz NOT NULL,  -- however often it is seen
  user_agent      text        NOT NULL DEFAULT '',
  address         text        NOT NULL DEFAULT ''
);
CREATE INDEX admin_cookies_by_end ON platform.admin_cookies (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON platform.admin_cookies TO tenantry_gateway;

INSERT INTO housekeeping.rules (relation, keep, over, reason) VALUES
  ('platform.admin_cookies', '0', 'expires_at < $1', 'logins and what was done are in the audit log');
