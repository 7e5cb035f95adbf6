-- Super-admins who are people have the console's cookie, as members have it (ADR 29): a session is shown by a token or by
-- a cookie. One at a time of a tenant is visited by the cookie: that session of the tenant's is named here.
ALTER TABLE platform.admin_sessions
  ALTER COLUMN token_hash DROP NOT NULL,
  ADD COLUMN cookie_hash bytea UNIQUE,
  ADD COLUMN visit_id    uuid,
  ADD CHECK ((token_hash IS NULL) <> (cookie_hash IS NULL)),
  ADD CHECK (visit_id IS NULL OR cookie_hash IS NOT NULL);
