-- Refresh tokens that follow from one login are a family. A used one stays until it expires: presented again, it was
-- stolen or its answer was, and the family ends, with the access tokens that were issued beside its members.
ALTER TABLE platform.refresh_tokens
  ADD COLUMN family            uuid NOT NULL DEFAULT gen_random_uuid(),
  ADD COLUMN used_at           timestamptz,
  ADD COLUMN jti               text NOT NULL DEFAULT '',
  ADD COLUMN access_expires_at timestamptz;
ALTER TABLE platform.refresh_tokens ALTER COLUMN family DROP DEFAULT;
CREATE INDEX refresh_tokens_by_family ON platform.refresh_tokens (family);

-- What is over is removed, some at a time.
CREATE INDEX refresh_tokens_by_end ON platform.refresh_tokens (expires_at);
CREATE INDEX revoked_tokens_by_end ON platform.revoked_tokens (expires_at);
GRANT UPDATE (used_at) ON platform.refresh_tokens TO tenantry_gateway;

-- Until now their hashes were without a key, over bodies that held passwords.
DELETE FROM platform.idempotency_keys WHERE scope = 'signup';
