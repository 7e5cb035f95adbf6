-- A tenant's applications connect to the broker: their logins and the queues of their own, as they shall be. Provisioning
-- makes the broker so (ADR 19).

-- A login is a number that is never used again, so that whatever is late cannot bring back one that has ended. The newest
-- never ends, whereby the next number is known.
CREATE TABLE provisioning.broker_users (
  tenant_id     text        NOT NULL CHECK (tenant_id <> ''),
  number        int         NOT NULL CHECK (number > 0),
  -- As RabbitMQ checks it: four bytes of salt and the SHA-256 of salt and password, which is 256 random bits. The
  -- password itself is with whoever was shown it. Of the first login there is none: the hash is of nothing.
  password_hash text        NOT NULL CHECK (length(password_hash) = 48),
  created_at    timestamptz NOT NULL,
  valid_at      timestamptz,  -- since when the broker knows it
  used_at       timestamptz,  -- when it was seen to be used instead of an older one
  ended         text        CHECK (ended IN ('replaced', 'expired')),  -- decided, to be taken from the broker
  PRIMARY KEY (tenant_id, number)
);
COMMENT ON TABLE provisioning.broker_users IS 'Logins of tenants'' applications at the broker';

CREATE TABLE provisioning.broker_queues (
  tenant_id           text        NOT NULL CHECK (tenant_id <> ''),
  name                text        NOT NULL CHECK (name ~ '^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$'),
  own_events          text[]      NOT NULL,  -- patterns of the applications' own
  platform_events     text[]      NOT NULL,  -- types of the platform's
  message_ttl_seconds int         CHECK (message_ttl_seconds > 0),
  state               text        NOT NULL CHECK (state IN ('pending', 'ready', 'ending')),
  created_at          timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, name)
);
COMMENT ON TABLE provisioning.broker_queues IS 'Queues of tenants'' applications';

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['broker_users', 'broker_queues'] LOOP
    EXECUTE format('ALTER TABLE provisioning.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE provisioning.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY owner_all ON provisioning.%I TO tenantry_owner USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY provisioning_all ON provisioning.%I TO tenantry_provisioning USING (true) '
                   'WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY own_tenant ON provisioning.%I TO tenantry_gateway '
                   'USING (tenant_id = NULLIF(current_setting(''app.tenant_id'', true), '''')) '
                   'WITH CHECK (tenant_id = NULLIF(current_setting(''app.tenant_id'', true), ''''))', name);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON provisioning.broker_users, provisioning.broker_queues TO tenantry_provisioning;
GRANT SELECT (tenant_id, number, created_at, valid_at, used_at, ended) ON provisioning.broker_users TO tenantry_gateway;
GRANT INSERT ON provisioning.broker_users TO tenantry_gateway;
GRANT SELECT, INSERT ON provisioning.broker_queues TO tenantry_gateway;
GRANT UPDATE (state) ON provisioning.broker_queues TO tenantry_gateway;

-- The logins that there are: their passwords were shown to nobody, and are forgotten.
INSERT INTO provisioning.broker_users (tenant_id, number, password_hash, created_at, valid_at)
SELECT tenant_id, 1,
       encode(substr(sha256(convert_to(gen_random_uuid()::text, 'UTF8')) ||
                     sha256(convert_to(gen_random_uuid()::text, 'UTF8')), 1, 36), 'base64'),
       created_at, created_at
FROM provisioning.resources WHERE kind = 'broker user';
DELETE FROM housekeeping.rules WHERE relation = 'provisioning.credentials'::regclass;
DROP TABLE provisioning.credentials;
INSERT INTO housekeeping.rules (relation, reason) VALUES
  ('provisioning.broker_users', 'four a tenant at most; empty again once the tenant is deleted'),
  ('provisioning.broker_queues', 'ten a tenant or so; empty again once the tenant is deleted');

INSERT INTO platform.role_permissions (role, permission) VALUES ('admin', 'broker:read'), ('admin', 'broker:manage');

ALTER POLICY types_of_provisioning ON messaging.outbox WITH CHECK (
  CASE WHEN exchange = ''
    THEN routing_key LIKE '%.provisioning' OR (type = 'tenant.stream_closed' AND routing_key LIKE '%.expired')
    ELSE type LIKE ANY (ARRAY['provisioning.%', 'tenant.provisioned', 'tenant.provisioning_failed', 'tenant.deleted',
                              'tenant.erased', 'tenant.access_changed', 'tenant.stream_closed', 'tenant.broker_access_ended',
                              'security.event_refused', 'platform.tenant_changed'])
  END);
