-- A plan limits clients as it limits users: counted where they are, at the moment somebody asks, so that nobody is late for
-- it and whatever made them counts (ADR 33). `used` is what is there, `taken` also what was promised: of users, invitations
-- that are open. No row: of this metric events tell. Of clients a caller sees those of app.tenant_id alone.
INSERT INTO metering.metrics (metric, aggregation, unit, reset, limit_name, open) VALUES
  ('clients', 'last', 'clients', 'never', 'clients_max', false);

CREATE FUNCTION platform.count_of(tenant text, of_metric text, at timestamptz)
RETURNS TABLE (used bigint, taken bigint) LANGUAGE sql STABLE AS $$
  SELECT m.members, m.members + (SELECT count(*) FROM platform.invitations i
                                 WHERE i.tenant_id = tenant AND i.state = 'pending' AND i.expires_at > at)
  FROM (SELECT count(*) AS members FROM platform.memberships s WHERE s.tenant_id = tenant AND s.state = 'active') m
  WHERE of_metric = 'users'
  UNION ALL
  SELECT c.clients, c.clients
  FROM (SELECT count(*) AS clients FROM tenant_data.clients c WHERE c.tenant_id = tenant) c
  WHERE of_metric = 'clients'
$$;
REVOKE ALL ON FUNCTION platform.count_of(text, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.count_of(text, text, timestamptz) TO tenantry_gateway, tenantry_billing;
-- Whether they fit another plan is asked when it comes, too.
GRANT USAGE ON SCHEMA tenant_data TO tenantry_billing;
GRANT SELECT (tenant_id) ON tenant_data.clients TO tenantry_billing;

-- Of a tenant whose version of a plan is older than a limit the override alone binds; it did not, and was taken all the same.
CREATE OR REPLACE FUNCTION platform.limits_of(tenant text, of_plan text, of_version int, at timestamptz)
RETURNS TABLE (name text, value bigint) LANGUAGE sql STABLE AS $$
  WITH own AS (SELECT o.name, trunc(o.value::numeric)::bigint AS value FROM platform.overrides o
               WHERE o.tenant_id = tenant AND jsonb_typeof(o.value) = 'number' AND (o.ends_at IS NULL OR o.ends_at > at))
  SELECT own.name, own.value FROM own
  UNION ALL
  SELECT l.key, trunc(l.value::numeric)::bigint
  FROM platform.plans p CROSS JOIN LATERAL jsonb_each(p.limits) AS l
  WHERE p.plan = of_plan AND p.version = of_version AND NOT EXISTS (SELECT FROM own WHERE own.name = l.key)
$$;
