-- An audit log as a year of use leaves it: made set by set, in the order in which the audit worker would have written it.
--
--   psql -v records=1000000 -v tenants=50 -v named= -f tests/bench/audit_records.sql
--
-- Most batches are of a few records, one in ten of up to a thousand. Each has a transaction id of its own, in order, with
-- ids of other work between them. Twelve months end now, and the last hundredth of the records fills the last hour. A few
-- types are most of the records, a few users do most of the work, and one record of a thousand holds the word "pelican";
-- "okapi" is in one record of each tenant, its tenth. Leaves have the members and the size of true ones, but what they
-- seal is only encoded; nodes and frontiers are those of the leaves, so the signer signs these logs. Run by a superuser.
-- The first tenants are those of `named`, separated by commas, the others bench-0000 and on; none may have a record yet.
\set ON_ERROR_STOP on
SET synchronous_commit = off;
SET work_mem = '256MB';

SELECT audit.ensure_partition(month)
FROM generate_series(date_trunc('month', now() - interval '12 months'), now(), interval '1 month') AS month \g /dev/null

SELECT setseed(0.42) \g /dev/null

-- first: the number of its first record, from 0.
CREATE TEMP TABLE batches AS
SELECT batch, past - size AS first, size
FROM (SELECT batch, size, (sum(size) OVER (ORDER BY batch))::bigint AS past
      FROM (SELECT batch, CASE WHEN batch % 10 = 0 THEN 1 + floor(random() * 1000) ELSE 1 + floor(random() * 6) END::bigint AS size
            FROM generate_series(0, :records / 40 + 10) AS batch) AS sizes) AS summed
WHERE past - size < :records;

-- Nothing may look as if it were still being written: the ids are those of transactions that are over.
SELECT pg_current_xact_id()::text::bigint AS xid_before, count(*) AS batches FROM batches \gset
SELECT set_config('bench.transactions', (3 * :batches)::text, false) \g /dev/null
DO $$ BEGIN
  FOR i IN 1 .. current_setting('bench.transactions')::int LOOP
    PERFORM pg_current_xact_id();
    COMMIT;
  END LOOP;
END $$;

CREATE TEMP TABLE shapes AS
SELECT n, type, split_part(type, '.', 1) AS resource, CASE WHEN type LIKE 'user.%' THEN 'LOGIN' ELSE type END AS action,
       CASE WHEN type LIKE '%.created' THEN 'create' WHEN type LIKE '%.updated' THEN 'update' ELSE 'read' END AS crud,
       CASE WHEN type LIKE '%failed' THEN 'failure' ELSE 'success' END AS outcome
FROM unnest(ARRAY['client.updated', 'client.updated', 'client.updated', 'order.created', 'order.created', 'order.created',
                  'order.paid', 'order.paid', 'user.logged_in', 'user.logged_in', 'usage.recorded', 'client.created',
                  'invoice.issued', 'payment.succeeded', 'notification.sent', 'user.logged_out', 'client.viewed',
                  'client.viewed', 'report.exported', 'payment.failed']) WITH ORDINALITY AS types (type, n);

CREATE TEMP TABLE drawn AS
SELECT n, tenant_id, row_number() OVER (PARTITION BY tenant_id ORDER BY n) - 1 AS sequence, event_id, shape, actor_kind,
       actor_id, resource_id, at, (:xid_before + 3 * (batch + 1))::text::xid8 AS xid
FROM (
  SELECT b.batch, n, coalesce(nullif((string_to_array(:'named', ','))[tenant + 1], ''),
                              'bench-' || to_char(tenant, 'FM0000')) AS tenant_id,
         gen_random_uuid() AS event_id, 1 + (random() * random() * 19.99)::int % 20 AS shape,
         CASE WHEN n % 5 = 0 THEN 'service' ELSE 'user' END AS actor_kind,
         CASE WHEN n % 5 = 0 THEN 'metering' ELSE 'user-' || floor(power(random(), 3) * 200) END AS actor_id,
         'client-' || floor(power(random(), 2) * 2000) AS resource_id,
         -- Of a batch: when it was recorded.
         date_trunc('milliseconds', CASE WHEN b.first < :records * 0.99
           THEN now() - interval '12 months' + (interval '12 months' - interval '1 hour') * (b.first / (:records * 0.99))
           ELSE now() - interval '1 hour' + interval '1 hour' * ((b.first - :records * 0.99) / (:records * 0.01)) END) AS at
  FROM (SELECT *, generate_series(first, least(first + size, :records) - 1) AS n FROM batches) AS b
  CROSS JOIN LATERAL (SELECT ((hashint8(n / 3)::bigint + 2147483648) % :tenants)::int AS tenant) AS t
) AS numbered;

INSERT INTO audit.records (tenant_id, sequence, event_id, type, occurred_at, recorded_at, actor_kind, actor_id, actor_ip,
                           actor_agent, action, crud, resource, resource_id, outcome, correlation_id, causation_id, source,
                           exchange, payload, leaf, leaf_hash, xid)
SELECT d.tenant_id, d.sequence, d.event_id, s.type, d.at - interval '40 ms', d.at, d.actor_kind, d.actor_id, c.ip, c.agent,
       s.action, s.crud, s.resource, d.resource_id, s.outcome, c.correlation_id, '', '/tenants/api', c.exchange,
       c.payload::jsonb, l.leaf, sha256('\x00' || l.leaf), d.xid
FROM drawn AS d
JOIN shapes AS s ON s.n = d.shape
CROSS JOIN LATERAL (
  SELECT '198.51.100.' || d.n % 200 AS ip, 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36' AS agent,
         'request-' || d.n / 3 AS correlation_id, d.tenant_id || '.app' AS exchange,
         '{"client_id":"' || d.resource_id || '","name":"'
         || (ARRAY['Boulangerie Martin', 'Garage du Port', 'Atelier Nord', 'Pharmacie Centrale'])[1 + d.n % 4] || ' ' || d.n % 977
         || '","email":"' || d.actor_id || '@example.com","amount_minor":' || d.n * 37 % 100000
         || ',"currency":"eur","note":"'
         || CASE WHEN d.sequence = 9 THEN 'okapi' WHEN d.n % 1000 = 0 THEN 'pelican' ELSE 'none' END || '"}' AS payload
) AS c
CROSS JOIN LATERAL (
  SELECT translate(encode(convert_to(repeat('~', 12) || '{"actor":{"id":"' || d.actor_id || '","ip":"' || c.ip
    || '","user_agent":"' || c.agent || '"},"payload_base64":"' || encode(convert_to(c.payload, 'UTF8'), 'base64')
    || '","resource_id":"' || d.resource_id || '"}' || repeat('~', 16), 'UTF8'), 'base64'), E'\n', '') AS sealed
) AS p
CROSS JOIN LATERAL (
  SELECT convert_to('{"action":"' || s.action || '","actor_kind":"' || d.actor_kind
    || '","causation_id":"","content_type":"application/json","correlation_id":"' || c.correlation_id || '","crud":"' || s.crud
    || '","event_id":"' || d.event_id || '","exchange":"' || c.exchange || '","key":"' || d.tenant_id || '","occurred_at":"'
    || to_char(d.at - interval '40 ms', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","outcome":"' || s.outcome
    || '","recorded_at":"' || to_char(d.at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","resource":"' || s.resource
    || '","sealed":"' || p.sealed || '","sequence":' || d.sequence || ',"source":"/tenants/api","tenant_id":"' || d.tenant_id
    || '","type":"' || s.type || '"}', 'UTF8') AS leaf
) AS l
ORDER BY d.n;

-- The tree: kept nodes from the level below, then what is left to the right of them (shared/audit_tree/tree.h).
CREATE FUNCTION pg_temp.perfect_root(hashes bytea[]) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  WHILE cardinality(hashes) > 1 LOOP
    hashes := ARRAY(SELECT sha256('\x01'::bytea || hashes[2 * i - 1] || hashes[2 * i])
                    FROM generate_series(1, cardinality(hashes) / 2) AS i ORDER BY i);
  END LOOP;
  RETURN hashes[1];
END $$;

INSERT INTO audit.nodes (tenant_id, level, index, hash)
  SELECT tenant_id, 8, sequence >> 8, pg_temp.perfect_root(array_agg(leaf_hash ORDER BY sequence))
  FROM audit.records GROUP BY tenant_id, sequence >> 8 HAVING count(*) = 256;
INSERT INTO audit.nodes (tenant_id, level, index, hash)
  SELECT tenant_id, 16, index >> 8, pg_temp.perfect_root(array_agg(hash ORDER BY index))
  FROM audit.nodes WHERE level = 8 GROUP BY tenant_id, index >> 8 HAVING count(*) = 256;

-- One root for each 1 bit of the size, the largest first, made of the kept nodes at or below its level.
INSERT INTO audit.heads (tenant_id, size, frontier, updated_at, recorded_at)
SELECT s.tenant_id, s.size, string_agg(part.root, '' ORDER BY bit DESC), now(), s.recorded_at
FROM (SELECT tenant_id, count(*) AS size, max(recorded_at) AS recorded_at FROM audit.records GROUP BY tenant_id) AS s
CROSS JOIN generate_series(0, 23) AS bit
CROSS JOIN LATERAL (SELECT bit / 8 * 8 AS level, ((s.size >> bit) - 1) << (bit % 8) AS first, 1 << (bit % 8) AS many) AS of_level
CROSS JOIN LATERAL (
  SELECT pg_temp.perfect_root(array_agg(hash ORDER BY place)) AS root
  FROM (SELECT r.leaf_hash AS hash, r.sequence AS place FROM audit.records AS r
        WHERE of_level.level = 0 AND r.tenant_id = s.tenant_id AND r.sequence >= first AND r.sequence < first + many
        UNION ALL
        SELECT n.hash, n.index FROM audit.nodes AS n
        WHERE n.level = of_level.level AND n.tenant_id = s.tenant_id AND n.index >= first AND n.index < first + many) AS hashes
) AS part
WHERE s.size >> bit & 1 = 1
GROUP BY s.tenant_id, s.size, s.recorded_at;
VACUUM (ANALYZE) audit.records, audit.nodes;
