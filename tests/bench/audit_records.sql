-- An audit log as a year of use leaves it: made set by set, in the order in which the audit worker would have written it.
--
--   psql -v records=1000000 -v tenants=50 -v named= -f tests/bench/audit_records.sql
--
-- Batches of 500, each with its tenants' records side by side; a batch has a transaction id of its own, in order. Twelve
-- months end now. A few types are most of the records, a few users do most of the work, and one record of a thousand
-- holds the word "pelican"; "okapi" is in one record of each tenant, its tenth. Leaves are of the right size and shape,
-- their frontiers are not: this is for reading, not for verifying. Run by a superuser.
-- The first tenants are those of `named`, separated by commas, the others bench-0000 and on; none may have a record yet.
\set ON_ERROR_STOP on
SET synchronous_commit = off;

SELECT audit.ensure_partition(month)
FROM generate_series(date_trunc('month', now() - interval '12 months'), now(), interval '1 month') AS month;

-- Nothing may look as if it were still being written: the ids stay below every transaction of this cluster.
SELECT least(greatest((:records / 500), 1), 700) AS batches_of_ids \gset

CREATE TEMP TABLE shapes AS
SELECT n, (ARRAY['client.updated', 'client.updated', 'client.updated', 'order.created', 'order.created', 'order.created',
                 'order.paid', 'order.paid', 'user.logged_in', 'user.logged_in', 'usage.recorded', 'client.created',
                 'invoice.issued', 'payment.succeeded', 'notification.sent', 'user.logged_out', 'client.viewed',
                 'client.viewed', 'report.exported', 'payment.failed'])[n] AS type
FROM generate_series(1, 20) AS n;

DO $$ BEGIN PERFORM setseed(0.42); END $$;

INSERT INTO audit.records (tenant_id, sequence, event_id, type, occurred_at, recorded_at, actor_kind, actor_id, actor_ip,
                           actor_agent, action, crud, resource, resource_id, outcome, correlation_id, causation_id, source,
                           exchange, payload, leaf, leaf_hash, xid)
SELECT r.tenant_id, r.sequence, r.event_id, s.type, r.at - interval '40 ms', r.at, r.actor_kind, r.actor_id, r.ip,
       'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', CASE WHEN s.type LIKE 'user.%' THEN 'LOGIN' ELSE s.type END,
       CASE WHEN s.type LIKE '%.created' THEN 'create' WHEN s.type LIKE '%.updated' THEN 'update' ELSE 'read' END,
       split_part(s.type, '.', 1), r.resource_id,
       CASE WHEN s.type LIKE '%failed' THEN 'failure' ELSE 'success' END, r.correlation_id, '', '/tenants/api',
       r.tenant_id || '.app', r.payload::jsonb, l.leaf, sha256('\x00' || l.leaf), r.xid
FROM (
  SELECT b.*, ('{"client_id":"' || resource_id || '","name":"' || w.words || '","email":"' || actor_id
               || '@example.com","amount_minor":' || (n * 37) % 100000 || ',"currency":"eur","note":"'
               || CASE WHEN sequence = 9 THEN 'okapi' WHEN n % 1000 = 0 THEN 'pelican' ELSE 'none' END || '"}') AS payload
  FROM (
    SELECT n, coalesce(nullif((string_to_array(:'named', ','))[(n % 500) * :tenants / 500 + 1], ''),
                       'bench-' || to_char((n % 500) * :tenants / 500, 'FM0000')) AS tenant_id,
           (n / 500) * (500 / :tenants) + (n % 500) % (500 / :tenants) AS sequence,
           gen_random_uuid() AS event_id, 1 + (random() * random() * 19.99)::int % 20 AS shape,
           now() - interval '12 months' + (n / 500) * (interval '12 months' / (:records / 500)) AS at,
           CASE WHEN n % 5 = 0 THEN 'service' ELSE 'user' END AS actor_kind,
           CASE WHEN n % 5 = 0 THEN 'metering' ELSE 'user-' || floor(power(random(), 3) * 200) END AS actor_id,
           '198.51.100.' || n % 200 AS ip, 'client-' || floor(power(random(), 2) * 2000) AS resource_id,
           'request-' || n / 3 AS correlation_id,
           (10 + (n / 500) * :batches_of_ids / (:records / 500 + 1))::text::xid8 AS xid
    FROM generate_series(0, :records - 1) AS n
  ) b, LATERAL (SELECT (ARRAY['Boulangerie Martin', 'Garage du Port', 'Atelier Nord', 'Pharmacie Centrale'])[1 + b.n % 4]
                       || ' ' || b.n % 977 AS words) w
) r
JOIN shapes s ON s.n = r.shape
CROSS JOIN LATERAL (
  SELECT convert_to('{"action":"' || s.type || '","causation_id":"","content_type":"application/json","correlation_id":"'
    || r.correlation_id || '","crud":"update","event_id":"' || r.event_id || '","exchange":"' || r.tenant_id
    || '.app","occurred_at":"' || r.at || '","outcome":"success","recorded_at":"' || r.at || '","resource":{"id":"'
    || r.resource_id || '","kind":"client"},"sealed":"' || translate(encode(convert_to(r.payload, 'UTF8'), 'base64'), E'\n', '')
    || '","sequence":' || r.sequence || ',"source":"/tenants/api","tenant_id":"' || r.tenant_id || '","type":"' || s.type
    || '"}', 'UTF8') AS leaf
) l
ORDER BY r.n;

INSERT INTO audit.heads (tenant_id, size, frontier, updated_at, recorded_at)
SELECT tenant_id, max(sequence) + 1, '', now(), max(recorded_at) FROM audit.records
GROUP BY tenant_id;
VACUUM (ANALYZE) audit.records;
