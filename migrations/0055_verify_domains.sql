-- A tenant's own domain: which one it names, the token that the DNS has to show, and what the DNS said. Requests are
-- resolved by platform.tenants.custom_domain, which is set while the DNS proves it.
CREATE TABLE platform.domains (
  tenant_id     text        PRIMARY KEY REFERENCES platform.tenants,
  domain        text        NOT NULL CHECK (length(domain) <= 253),
  token         text        NOT NULL,
  state         text        NOT NULL CHECK (state IN ('pending', 'verified', 'lost')),
  problem       text        NOT NULL DEFAULT '' CHECK (problem IN ('', 'not_found', 'wrong', 'no_answer', 'taken')),
  set_at        timestamptz NOT NULL,
  asked_at      timestamptz NOT NULL,  -- somebody last wanted it checked
  checks        int         NOT NULL DEFAULT 0,  -- since then
  checked_at    timestamptz,
  verified_at   timestamptz,
  missing_since timestamptz,  -- of a verified one whose record is gone
  next_check_at timestamptz   -- NULL: not before somebody asks
);
CREATE INDEX domains_to_check ON platform.domains (next_check_at) WHERE next_check_at IS NOT NULL;
ALTER TABLE platform.domains ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.domains FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON platform.domains TO tenantry_owner USING (true) WITH CHECK (true);
CREATE POLICY workers_all ON platform.domains TO tenantry_gateway, tenantry_provisioning USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON platform.domains TO tenantry_gateway;
GRANT SELECT, DELETE ON platform.domains TO tenantry_provisioning;
GRANT UPDATE (custom_domain) ON platform.tenants TO tenantry_gateway, tenantry_provisioning;
INSERT INTO housekeeping.rules (relation, reason) VALUES ('platform.domains', 'at most one row a tenant');
