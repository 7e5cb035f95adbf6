-- People of a tenant: memberships with states, invitations, roles of a tenant's own, and at least one active owner.

ALTER TABLE platform.users ADD COLUMN email_verified_at timestamptz;

-- A membership that is over stays, so that names in the audit log resolve. Who was named owner by an admin and has no
-- password cannot have been let in yet.
ALTER TABLE platform.memberships
  ADD COLUMN state       text        NOT NULL DEFAULT 'active'
    CHECK (state IN ('invited', 'active', 'inactive', 'removed')),
  ADD COLUMN state_since timestamptz;
UPDATE platform.memberships m SET state_since = m.created_at,
  state = CASE WHEN u.password_hash IS NULL THEN 'invited' ELSE 'active' END
FROM platform.users u WHERE u.user_id = m.user_id;
ALTER TABLE platform.memberships ALTER COLUMN state_since SET NOT NULL;

-- Roles of a tenant's own, beside the built-in ones of platform.role_permissions.
CREATE TABLE platform.custom_roles (
  tenant_id   text        NOT NULL REFERENCES platform.tenants,
  role        text        NOT NULL CHECK (role ~ '^[a-z][a-z0-9_-]{0,39}$'
                                          AND role NOT IN ('owner', 'admin', 'manager', 'employee', 'viewer')),
  description text        NOT NULL DEFAULT '',
  permissions text[]      NOT NULL CHECK (cardinality(permissions) <= 200),
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, role)
);

-- A role is built in, or the tenant's own: shared/tenancy/members looks, under the tenant's lock. One that is neither holds
-- no grant.
ALTER TABLE platform.memberships DROP CONSTRAINT memberships_role_check;

CREATE TABLE platform.invitations (
  invitation_id uuid        PRIMARY KEY,
  tenant_id     text        NOT NULL REFERENCES platform.tenants,
  email         text        NOT NULL,  -- folded, as in platform.users
  role          text        NOT NULL,
  locale        text        NOT NULL,
  state         text        NOT NULL CHECK (state IN ('pending', 'accepted', 'declined', 'revoked', 'expired')),
  -- Of the token that was sent last; no other opens it. The token itself is nowhere (ADR 22).
  token_hash    bytea       NOT NULL UNIQUE,
  sendings      int         NOT NULL,
  sent_at       timestamptz[] NOT NULL,  -- the last ones
  invited_by    uuid,                    -- NULL: the platform
  created_at    timestamptz NOT NULL,
  expires_at    timestamptz NOT NULL,
  settled_at    timestamptz,             -- when it left `pending`
  user_id       uuid                     -- who accepted
);
CREATE UNIQUE INDEX invitations_pending ON platform.invitations (tenant_id, email) WHERE state = 'pending';
CREATE INDEX invitations_by_tenant ON platform.invitations (tenant_id, created_at);
CREATE INDEX invitations_by_end ON platform.invitations (expires_at);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['custom_roles', 'invitations'] LOOP
    EXECUTE format('ALTER TABLE platform.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE platform.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY owner_all ON platform.%I TO tenantry_owner USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY workers_all ON platform.%I TO tenantry_gateway, tenantry_signup, '
                   'tenantry_provisioning USING (true) WITH CHECK (true)', name);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON platform.custom_roles TO tenantry_gateway;
GRANT SELECT, INSERT, UPDATE ON platform.invitations TO tenantry_gateway;
GRANT SELECT, INSERT ON platform.invitations TO tenantry_signup;
GRANT UPDATE (state, settled_at) ON platform.invitations TO tenantry_signup;
GRANT SELECT ON platform.custom_roles, platform.role_permissions TO tenantry_signup;
GRANT SELECT (tenant_id), DELETE ON platform.invitations, platform.custom_roles TO tenantry_provisioning;

-- Whoever ends the last active owner's membership fails, whatever code it is. Two who demote each other at once take turns
-- here: who waited counts what the other left.
CREATE FUNCTION platform.keep_an_owner() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM platform.tenants WHERE tenant_id = OLD.tenant_id AND status <> 'deleted' FOR NO KEY UPDATE;
  IF FOUND AND NOT EXISTS (SELECT FROM platform.memberships
                           WHERE tenant_id = OLD.tenant_id AND role = 'owner' AND state = 'active') THEN
    RAISE EXCEPTION 'a tenant keeps at least one active owner'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'memberships_keep_an_owner',
            SCHEMA = 'platform', TABLE = 'memberships';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER memberships_keep_an_owner AFTER UPDATE OR DELETE ON platform.memberships
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.role = 'owner' AND OLD.state = 'active')
  EXECUTE FUNCTION platform.keep_an_owner();

INSERT INTO housekeeping.rules (relation, keep, over, reason) VALUES
  ('platform.invitations', '400 days', 'expires_at < $1', 'who was invited by whom is in the audit log');
INSERT INTO housekeeping.rules (relation, reason) VALUES
  ('platform.custom_roles', 'twenty a tenant at most');

-- The signup worker invites the owner of a tenant that nobody signed up.
ALTER POLICY types_of_signup ON messaging.outbox WITH CHECK (
  CASE WHEN exchange = ''
    THEN routing_key LIKE '%.signup'
    ELSE type LIKE ANY (ARRAY['signup.rejected', 'tenant.registered', 'trial.%', 'user.invited', 'invitation.expired',
                              'security.event_refused', 'platform.tenant_changed'])
  END);
