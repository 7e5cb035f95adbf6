-- What a tenant's people set for it: a row for each that is not as it comes. The language of its mails stays in
-- platform.tenants, which every sender reads.
CREATE TABLE platform.settings (
  tenant_id text NOT NULL REFERENCES platform.tenants,
  name      text NOT NULL CHECK (name ~ '^[a-z_]+(/[a-z_]+)?$'),
  value     text NOT NULL CHECK (length(value) <= 2000),
  PRIMARY KEY (tenant_id, name)
);
ALTER TABLE platform.settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.settings FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON platform.settings TO tenantry_owner USING (true) WITH CHECK (true);
CREATE POLICY workers_all ON platform.settings TO tenantry_gateway, tenantry_provisioning USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON platform.settings TO tenantry_gateway;
GRANT SELECT, DELETE ON platform.settings TO tenantry_provisioning;
GRANT UPDATE (locale) ON platform.tenants TO tenantry_gateway;

-- Features that are switched on: for all, for plans, for a share of tenants that stays the same, for one tenant.
CREATE TABLE platform.flags (
  flag        text        PRIMARY KEY CHECK (flag ~ '^[a-z][a-z0-9_]{0,62}$'),
  description text        NOT NULL,
  enabled     boolean     NOT NULL,
  plans       text[]      NOT NULL CHECK (cardinality(plans) <= 50),  -- empty: every plan
  percentage  int         NOT NULL CHECK (percentage BETWEEN 0 AND 100),
  expires_at  timestamptz,  -- from then on it is off for everybody
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL
);
CREATE TABLE platform.flag_overrides (
  tenant_id text        NOT NULL REFERENCES platform.tenants,
  flag      text        NOT NULL REFERENCES platform.flags ON DELETE CASCADE,
  value     boolean     NOT NULL,
  reason    text        NOT NULL,
  ends_at   timestamptz,
  PRIMARY KEY (tenant_id, flag)
);
CREATE INDEX flag_overrides_by_flag ON platform.flag_overrides (flag);
ALTER TABLE platform.flag_overrides ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.flag_overrides FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON platform.flag_overrides TO tenantry_owner USING (true) WITH CHECK (true);
CREATE POLICY workers_all ON platform.flag_overrides TO tenantry_gateway, tenantry_provisioning
  USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON platform.flags, platform.flag_overrides TO tenantry_gateway;
GRANT SELECT, DELETE ON platform.flag_overrides TO tenantry_provisioning;

-- A tenant's place in a flag's rollout, 0 to 99: the same for ever, and another for each flag.
CREATE FUNCTION platform.flag_place(flag text, tenant text) RETURNS int LANGUAGE sql IMMUTABLE AS $$
  SELECT (('x' || encode(substr(sha256(convert_to(flag || ':' || tenant, 'UTF8')), 1, 4), 'hex'))::bit(32)::bigint % 100)::int
$$;
-- The flags that are on for a tenant of a plan. The tenant's own word counts first, then the plan and the share.
CREATE FUNCTION platform.flags_of(tenant text, of_plan text, at timestamptz) RETURNS TABLE (flag text)
LANGUAGE sql STABLE AS $$
  SELECT f.flag FROM platform.flags f
  LEFT JOIN platform.flag_overrides o ON o.flag = f.flag AND o.tenant_id = tenant AND (o.ends_at IS NULL OR o.ends_at > at)
  WHERE (f.expires_at IS NULL OR f.expires_at > at)
    AND coalesce(o.value, f.enabled AND (f.plans = '{}' OR of_plan = ANY (f.plans))
                          AND platform.flag_place(f.flag, tenant) < f.percentage)
$$;
REVOKE ALL ON FUNCTION platform.flag_place(text, text), platform.flags_of(text, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.flag_place(text, text), platform.flags_of(text, text, timestamptz) TO tenantry_gateway;

INSERT INTO housekeeping.rules (relation, reason) VALUES
  ('platform.settings', 'some twenty rows a tenant at most'),
  ('platform.flags', 'as many as there are features under way'),
  ('platform.flag_overrides', 'a few rows a tenant');

INSERT INTO platform.role_permissions (role, permission) VALUES ('manager', 'settings:read'), ('employee', 'settings:read'),
  ('viewer', 'settings:read') ON CONFLICT DO NOTHING;
