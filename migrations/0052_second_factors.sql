-- Second factors of people, for all their tenants: one-time codes by time, and recovery codes for when the device is lost.
-- The seed is sealed under a key that is derived from the master key; of recovery codes, which are short, there are hashes
-- as of passwords.
CREATE TABLE platform.totp_factors (
  user_id      uuid        PRIMARY KEY REFERENCES platform.users ON DELETE CASCADE,
  sealed_seed  bytea       NOT NULL,
  created_at   timestamptz NOT NULL,
  confirmed_at timestamptz,                  -- NULL: being set up, and good for nothing yet
  last_step    bigint      NOT NULL DEFAULT 0  -- the last half minute whose code was used: it and those before are used up
);
CREATE TABLE platform.recovery_codes (
  user_id   uuid        NOT NULL REFERENCES platform.users ON DELETE CASCADE,
  code_hash text        NOT NULL,
  used_at   timestamptz,
  PRIMARY KEY (user_id, code_hash)
);
CREATE TABLE platform.passkeys (
  passkey_id    uuid        PRIMARY KEY,
  credential_id bytea       NOT NULL UNIQUE CHECK (length(credential_id) <= 1023),  -- what the authenticator calls it
  user_id       uuid        NOT NULL REFERENCES platform.users ON DELETE CASCADE,
  name          text        NOT NULL,
  algorithm     int         NOT NULL CHECK (algorithm IN (-7, -8)),  -- of COSE: ES256, EdDSA
  public_key    bytea       NOT NULL,
  counter       bigint      NOT NULL,
  created_at    timestamptz NOT NULL,
  used_at       timestamptz
);
CREATE INDEX passkeys_by_user ON platform.passkeys (user_id);
-- Each is answered once.
CREATE TABLE platform.passkey_challenges (
  challenge  bytea       PRIMARY KEY,
  user_id    uuid        NOT NULL REFERENCES platform.users ON DELETE CASCADE,
  purpose    text        NOT NULL CHECK (purpose IN ('create', 'use')),
  expires_at timestamptz NOT NULL
);
CREATE INDEX passkey_challenges_by_end ON platform.passkey_challenges (expires_at);
-- Wrong codes in a row. A row of the person's, so that two gateways give nobody twice as many guesses.
CREATE TABLE platform.factor_tries (
  user_id  uuid        PRIMARY KEY REFERENCES platform.users ON DELETE CASCADE,
  failures int         NOT NULL,
  last_at  timestamptz NOT NULL
);
CREATE INDEX factor_tries_by_time ON platform.factor_tries (last_at);
-- Where somebody has lost all factors: each tenant of the person's asks, or a super-admin (tenant 'platform'); after a day
-- the next login goes by the password alone. Who logs in with a factor meanwhile has lost none, and the row goes.
CREATE TABLE platform.factor_resets (
  user_id      uuid        NOT NULL REFERENCES platform.users ON DELETE CASCADE,
  tenant_id    text        NOT NULL,
  asked_at     timestamptz NOT NULL,
  effective_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, tenant_id)
);
CREATE INDEX factor_resets_by_time ON platform.factor_resets (effective_at);
ALTER TABLE platform.factor_resets ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.factor_resets FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON platform.factor_resets TO tenantry_owner USING (true) WITH CHECK (true);
CREATE POLICY workers_all ON platform.factor_resets TO tenantry_gateway, tenantry_provisioning USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON platform.totp_factors, platform.recovery_codes, platform.factor_tries,
  platform.factor_resets, platform.passkeys, platform.passkey_challenges TO tenantry_gateway;
GRANT SELECT (tenant_id), DELETE ON platform.factor_resets TO tenantry_provisioning;

-- Which second factor a session was begun with, or has shown since; '': none.
ALTER TABLE platform.sessions ADD COLUMN second_factor text NOT NULL DEFAULT ''
  CHECK (second_factor IN ('', 'totp', 'recovery_code', 'passkey'));

INSERT INTO housekeeping.rules (relation, keep, over, reason) VALUES
  ('platform.passkey_challenges', '0', 'expires_at < $1', 'a challenge that nobody answered'),
  ('platform.factor_tries', '1 day', 'last_at < $1', 'who guesses waits a quarter of an hour at most'),
  ('platform.factor_resets', '30 days', 'effective_at < $1', 'who was asked for and did not come by then has found the device');
INSERT INTO housekeeping.rules (relation, reason) VALUES
  ('platform.totp_factors', 'one of a person at most'),
  ('platform.passkeys', 'ten of a person at most'),
  ('platform.recovery_codes', 'ten of a person at most');
