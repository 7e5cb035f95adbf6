-- What a scrape of all tenants' numbers shows (GET /metrics/tenants): a row a tenant, the busiest first. The gateway sees
-- usage and audit logs of one tenant at a time; this tells it counts of all, and nothing that is in them.
CREATE FUNCTION platform.tenant_numbers(at timestamptz, tenants_max int)
RETURNS TABLE (tenant_id text, plan text, status text, users bigint, audit_records bigint, events_waiting bigint,
               waiting_seconds double precision, dead_letters bigint, stripe_parked bigint, api_calls double precision,
               storage_bytes double precision, limit_ratio double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH shown AS (
    SELECT t.tenant_id, t.plan, t.plan_version, t.status, coalesce(h.size, 0) AS size
    FROM platform.tenants t LEFT JOIN audit.heads h ON h.tenant_id = t.tenant_id
    WHERE t.status <> 'deleted' ORDER BY size DESC, t.tenant_id LIMIT tenants_max
  ), members AS (
    SELECT m.tenant_id, count(*) AS n FROM platform.memberships m WHERE m.state = 'active' GROUP BY m.tenant_id
  ), waiting AS (
    SELECT o.tenant_id, count(*) AS n, extract(epoch FROM at - min(o.available_at))::double precision AS oldest
    FROM messaging.outbox o WHERE o.available_at <= at GROUP BY o.tenant_id
  ), letters AS (
    SELECT d.tenant_id, count(*) AS n FROM messaging.dead_letters d WHERE d.state = 'waiting' GROUP BY d.tenant_id
  ), parked AS (
    SELECT s.tenant_id, count(*) AS n FROM billing.stripe_events s WHERE s.state = 'parked' GROUP BY s.tenant_id
  ), used AS (
    -- Of a month what is of this month; what never starts again from its total.
    SELECT c.tenant_id, c.metric, m.limit_name, c.quantity
    FROM metering.counters c JOIN metering.metrics m ON m.metric = c.metric
    WHERE m.reset = 'monthly' AND c.span = 'month' AND c.window_start = date_trunc('month', at, 'UTC')
       OR m.reset = 'never' AND c.span = 'total'
  ), quantities AS (
    SELECT u.tenant_id, max(u.quantity) FILTER (WHERE u.metric = 'api_calls') AS api_calls,
           max(u.quantity) FILTER (WHERE u.metric = 'storage_bytes') AS storage_bytes
    FROM used u GROUP BY u.tenant_id
  )
  SELECT s.tenant_id, s.plan, s.status, coalesce(members.n, 0), s.size, coalesce(waiting.n, 0),
         coalesce(waiting.oldest, 0), coalesce(letters.n, 0), coalesce(parked.n, 0),
         coalesce(q.api_calls, 0)::double precision, coalesce(q.storage_bytes, 0)::double precision,
         coalesce((SELECT max(u.quantity / l.value) FROM used u
                   JOIN platform.limits_of(s.tenant_id, s.plan, s.plan_version, at) l ON l.name = u.limit_name
                   WHERE u.tenant_id = s.tenant_id AND l.value > 0), 0)::double precision
  FROM shown s
  LEFT JOIN members ON members.tenant_id = s.tenant_id LEFT JOIN waiting ON waiting.tenant_id = s.tenant_id
  LEFT JOIN letters ON letters.tenant_id = s.tenant_id LEFT JOIN parked ON parked.tenant_id = s.tenant_id
  LEFT JOIN quantities q ON q.tenant_id = s.tenant_id
  ORDER BY s.tenant_id
$$;
REVOKE ALL ON FUNCTION platform.tenant_numbers(timestamptz, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.tenant_numbers(timestamptz, int) TO tenantry_gateway;
