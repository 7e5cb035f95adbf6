-- Links by which a forgotten password is set anew: one of a person is good, the last that was sent, once. The link's token
-- is nowhere (ADR 22); what is kept is its hash.
CREATE TABLE platform.password_resets (
  user_id    uuid          PRIMARY KEY REFERENCES platform.users ON DELETE CASCADE,
  token_hash bytea         UNIQUE,    -- NULL: it was used
  sent_at    timestamptz[] NOT NULL,  -- of a day
  expires_at timestamptz   NOT NULL
);
CREATE INDEX password_resets_by_end ON platform.password_resets (expires_at);
GRANT SELECT, INSERT, UPDATE ON platform.password_resets TO tenantry_gateway;

-- Who chose a tenant by a login of before chooses by another.
ALTER TABLE platform.users ADD COLUMN password_changed_at timestamptz;

INSERT INTO housekeeping.rules (relation, keep, over, reason) VALUES
  ('platform.password_resets', '1 day', 'expires_at < $1', 'so many mails a day are sent to a person');
